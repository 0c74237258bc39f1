"""Changes of the decline map, each with its reason and its row of history, and the count of codes nobody mapped (B5).

What no editing can undo is refused here in words; payments/declines/rules.py does not believe it either, and the
database's constraints hold the worst of it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from payments.declines import DEFAULTS, Decline, DeclineClass, fault_of_words, forget, is_fraud_by_default
from payments.declines.meaning import CURABLE, FINAL
from payments.declines.wording import fault_of_text
from payments.models import DeclineRule, DeclineRuleChange, UnmappedDecline

CODE: Final = re.compile(r"[a-z0-9_]{1,64}")
GATEWAY: Final = re.compile(r"[A-Za-z0-9_.-]{0,32}")
LONGEST: Final = 200
# Codes come from outside: beyond this many of one gateway they are counted together, under a name that is no code.
MOST_UNMAPPED: Final = 500
OTHER: Final = "(other)"
# A code that was not seen for so long makes room for a new one.
FORGET_UNMAPPED_AFTER: Final = timedelta(days=90)


class RuleRefusedError(Exception):
    """The change is not possible. faults: the words for the operator, by field; under "" what is no field's fault."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(faults.values()))
        self.faults = dict(faults)


class StaleRuleError(RuleRefusedError):
    """Somebody changed the rule after it was shown. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__({"": "Somebody changed this rule in the meantime. Look at it again; nothing was changed."})


@dataclass(frozen=True, slots=True)
class RuleValues:
    """What a rule says of a code; DeclineRule explains the fields."""

    decline_class: str
    internal_message: str
    customer_message: str = ""
    retryable: bool = False
    needs_another_card: bool = True
    three_d_secure: bool = False


def values_of(rule: DeclineRule) -> RuleValues:
    return RuleValues(**{name: getattr(rule, name) for name in RuleValues.__dataclass_fields__})


def values_of_meaning(meaning: Decline) -> RuleValues:
    """Return the rule that says what `meaning` says."""
    is_fraud = meaning.decline_class is DeclineClass.FRAUD
    return RuleValues(
        decline_class=meaning.decline_class.value,
        internal_message=meaning.internal_message,
        customer_message="" if is_fraud else meaning.words,
        retryable=meaning.retryable,
        needs_another_card=meaning.needs_another_card,
        three_d_secure=meaning.three_d_secure,
    )


def version(gateway: str, code: str) -> int:
    """Return the id of the latest change of the rule; 0 where it was never changed."""
    changes = DeclineRuleChange.objects.filter(gateway=gateway, code=code)
    return int(changes.aggregate(latest=Max("pk"))["latest"] or 0)


def change(gateway: str, code: str, values: RuleValues, *, seen: int | None, operator: str, reason: str) -> DeclineRule:
    """Let `code` of `gateway` mean `values` from now on, in the name of `operator` (a user name).

    An empty gateway means every gateway without a rule of its own. seen: the `version` that the operator looked at;
    None to add a rule that is not there. Raises RuleRefusedError, StaleRuleError.
    """
    reason = _one_line(reason)
    faults = {**_faults_of_name(gateway, code), **_faults_of_reason(reason), **faults_of(code, values)}
    if faults:
        raise RuleRefusedError(faults)
    try:
        with transaction.atomic():
            return _change(gateway, code, values, seen, operator, reason)
    except IntegrityError as error:
        # Two operators added the same rule at once: the unique constraint let one in.
        raise StaleRuleError from error


def remove(gateway: str, code: str, *, seen: int, operator: str, reason: str) -> None:
    """Undo the rule: what holds for every gateway, or else the built-in default, holds again.

    A built-in default of every gateway stays listed, as a rule that says the same. Raises RuleRefusedError,
    StaleRuleError.
    """
    reason = _one_line(reason)
    faults = _faults_of_reason(reason)
    if faults:
        raise RuleRefusedError(faults)
    with transaction.atomic():
        rule = _locked(gateway, code)
        if rule is None or version(gateway, code) != seen:
            raise StaleRuleError
        if not gateway and code in DEFAULTS:
            _change(gateway, code, values_of_meaning(DEFAULTS[code]), seen, operator, reason)
            return
        before = asdict(values_of(rule))
        rule.delete()
        _remember(gateway, code, before, None, operator, reason)


def faults_of(code: str, values: RuleValues) -> dict[str, str]:
    """Return what speaks against letting `code` mean `values`, in words, by field; empty where nothing does."""
    if values.decline_class not in set(DeclineClass):
        return {"decline_class": "Choose one of the classes."}
    decline_class = DeclineClass(values.decline_class)
    found = _faults_of_class(code, decline_class, values)
    if decline_class is DeclineClass.FRAUD:
        if values.customer_message:
            found["customer_message"] = "A reason of fraud is never told. Leave this empty: the neutral words are used."
    elif fault := fault_of_words(values.customer_message):
        found["customer_message"] = fault
    if fault := _fault_of_line(values.internal_message):
        found["internal_message"] = fault
    return found


def note_unmapped(pairs: Sequence[tuple[str, str]]) -> None:
    """Count declines that nobody mapped: (gateway, code) of each. Belongs into the transaction that applies them.

    Keeps some MOST_UNMAPPED codes per gateway; what exceeds them, or is no code, counts under OTHER. Costs one
    statement for each different pair that was seen before.
    """
    counts = Counter((gateway[:32], code if CODE.fullmatch(code) else OTHER) for gateway, code in pairs)
    # Always in the same order, so that two transactions cannot wait for each other.
    for (gateway, code), times in sorted(counts.items()):
        if not _count(gateway, code, times):
            kept = code if _has_room(gateway) else OTHER
            UnmappedDecline.objects.bulk_create([UnmappedDecline(gateway=gateway, code=kept)], ignore_conflicts=True)
            _count(gateway, kept, times)


def _change(gateway: str, code: str, values: RuleValues, seen: int | None, operator: str, reason: str) -> DeclineRule:
    rule = _locked(gateway, code)
    if (rule is None) is not (seen is None) or (rule is not None and version(gateway, code) != seen):
        raise StaleRuleError
    before = asdict(values_of(rule)) if rule else None
    if before == asdict(values):
        raise RuleRefusedError({"": "This is what the rule says already. Nothing was changed."})
    if rule is None:
        rule = DeclineRule(gateway=gateway, code=code)
    for name, value in asdict(values).items():
        setattr(rule, name, value)
    rule.changed_by, rule.changed_at = operator[:64], Now()
    rule.save()
    rule.refresh_from_db(fields=["changed_at"])
    _no_longer_unmapped(gateway, code)
    _remember(gateway, code, before, asdict(values), operator, reason)
    return rule


def _locked(gateway: str, code: str) -> DeclineRule | None:
    return DeclineRule.objects.select_for_update().filter(gateway=gateway, code=code).first()


def _remember(
    gateway: str,
    code: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    operator: str,
    reason: str,
) -> None:
    """Write the history, and let this process look up the new rule from the commit on."""
    DeclineRuleChange.objects.create(
        gateway=gateway, code=code, before=before, after=after, operator=operator[:64], reason=reason
    )
    forget()
    transaction.on_commit(forget)


def _faults_of_name(gateway: str, code: str) -> dict[str, str]:
    found = {}
    if not GATEWAY.fullmatch(gateway):
        found["gateway"] = "This is no name of a gateway."
    if not CODE.fullmatch(code):
        found["code"] = "A code is written with lower-case letters, digits and _, and has at most 64 of them."
    return found


def _faults_of_reason(reason: str) -> dict[str, str]:
    fault = _fault_of_line(reason)
    return {"reason": fault} if fault else {}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _fault_of_line(text: str) -> str:
    if not text.strip():
        return "Do not leave this empty."
    if len(text) > LONGEST:
        return f"Write at most {LONGEST} characters."
    return fault_of_text(text)


def _faults_of_class(code: str, decline_class: DeclineClass, values: RuleValues) -> dict[str, str]:
    found = {}
    if is_fraud_by_default(code) and decline_class is not DeclineClass.FRAUD:
        found["decline_class"] = "This code means fraud and stays so: its name alone would tell the customer why."
    if values.retryable and decline_class in FINAL:
        found["retryable"] = "A hard decline or fraud is never tried again with this card."
    elif values.retryable and values.needs_another_card:
        found["retryable"] = "Either the same card may work later, or another card is needed."
    if values.three_d_secure and decline_class not in CURABLE:
        found["three_d_secure"] = "The bank's confirmation helps with soft and authentication declines alone."
    if decline_class is DeclineClass.FRAUD and not values.needs_another_card:
        found["needs_another_card"] = "After fraud the customer is asked for another card, as the neutral words say."
    return found


def _no_longer_unmapped(gateway: str, code: str) -> None:
    rows = UnmappedDecline.objects.filter(code=code)
    rows = rows.filter(gateway=gateway) if gateway else rows
    # Locked in the order in which note_unmapped counts.
    for row in rows.select_for_update().order_by("gateway"):
        row.delete()


def _count(gateway: str, code: str, times: int) -> int:
    rows = UnmappedDecline.objects.filter(gateway=gateway, code=code)
    return rows.update(count=F("count") + times, last_seen_at=Now())


def _has_room(gateway: str) -> bool:
    """Say whether one more code of `gateway` may be kept, after those were forgotten that were not seen for long."""
    rows = UnmappedDecline.objects.filter(gateway=gateway).exclude(code=OTHER)
    if rows.count() < MOST_UNMAPPED:
        return True
    rows.filter(last_seen_at__lt=Now() - FORGET_UNMAPPED_AFTER).delete()
    return rows.count() < MOST_UNMAPPED
