"""The decline map as it is in force: rules of the database, read as one snapshot, over the built-in defaults (B5).

A lookup is on the payment path, so it reads nothing: one statement every few seconds and process reads all rules. What
the database says is not believed where it would tell a reason of fraud or try again what is final.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from payments.declines.defaults import DEFAULTS
from payments.declines.meaning import (
    CURABLE,
    FINAL,
    NEUTRAL_CODE,
    NEUTRAL_WORDS,
    UNMAPPED,
    Decline,
    DeclineClass,
    fraud,
    names_fraud,
)
from payments.declines.wording import fault_of_words
from payments.models import DeclineRule

# Seconds after which other processes know a changed rule at the latest.
LIFE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rules as of `read_at`, in seconds of time.monotonic. hidden: codes that mean fraud at some gateway."""

    rules: Mapping[tuple[str, str], Decline]
    hidden: frozenset[str]
    read_at: float

    @classmethod
    def of(cls, rows: Iterable[DeclineRule], read_at: float) -> "Snapshot":
        rules = {(row.gateway, row.code): meaning_of(row) for row in rows}
        hidden = frozenset(code for (_, code), meaning in rules.items() if meaning.decline_class is DeclineClass.FRAUD)
        return cls(rules, hidden, read_at)


_CLASSES: Final = frozenset(DeclineClass)


class _Held:
    """The snapshot of this process. drops: how often it was dropped, so that no reading from before is kept."""

    snapshot: Snapshot | None = None
    drops = 0
    lock = threading.Lock()


def decline(code: str, gateway: str = "") -> Decline:
    """Return what `code` of `gateway` means: by its own rule, by the rule for every gateway, or by default.

    A code that none of them names counts as hard and reads neutral.
    """
    rules = _snapshot().rules
    found = rules.get((gateway, code)) or (rules.get(("", code)) if gateway else None)
    return found or default_of(code)


def default_of(code: str) -> Decline:
    """Return the built-in meaning of `code`, which holds where there is no rule."""
    return DEFAULTS.get(code, UNMAPPED)


def code_for_clients(code: str) -> str:
    """Return what clients may read of `code` where its gateway is not known: neutral if any gateway means fraud."""
    return NEUTRAL_CODE if code in _snapshot().hidden else decline(code).code


def is_fraud_by_default(code: str) -> bool:
    """Say whether no rule may make anything but fraud of `code`."""
    return default_of(code).decline_class is DeclineClass.FRAUD or names_fraud(code)


def meaning_of(rule: DeclineRule) -> Decline:
    """Return what `rule` means, without what no rule may say (docs/declines.md).

    A rule of a class that does not exist, which only SQL can write, says nothing: the default holds.
    """
    if rule.decline_class not in _CLASSES:
        return default_of(rule.code)
    decline_class = DeclineClass(rule.decline_class)
    if decline_class is DeclineClass.FRAUD or is_fraud_by_default(rule.code):
        return fraud(rule.internal_message)
    return Decline(
        decline_class,
        rule.code,
        NEUTRAL_WORDS if fault_of_words(rule.customer_message) else rule.customer_message,
        retryable=rule.retryable and decline_class not in FINAL,
        needs_another_card=rule.needs_another_card,
        internal_message=rule.internal_message,
        three_d_secure=rule.three_d_secure and decline_class in CURABLE,
    )


def forget() -> None:
    """Let the next lookup of this process read the rules anew."""
    with _Held.lock:
        _Held.snapshot = None
        _Held.drops += 1


def hold(snapshot: Snapshot) -> None:
    """Use `snapshot` until it is too old: one read at infinity, until the next `forget`."""
    with _Held.lock:
        _Held.snapshot = snapshot


def _snapshot() -> Snapshot:
    held, now = _Held.snapshot, time.monotonic()
    if held is not None and now - held.read_at < LIFE:
        return held
    drops = _Held.drops
    # Without the lock: two threads may both read, and either reading may be kept.
    read = Snapshot.of(DeclineRule.objects.all(), now)
    with _Held.lock:
        if _Held.drops == drops:
            _Held.snapshot = read
    return read
