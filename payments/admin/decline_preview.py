"""What a rule of the decline map leads to, and what became of it over time, as a page shows them (requirement B5)."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from payments.admin import sentences
from payments.admin.formats import utc
from payments.declines import Decline, meaning_of
from payments.models import DeclineRule, DeclineRuleChange
from payments.services.decline_rules import RuleValues

_NAMES: Final = {
    "decline_class": "class",
    "customer_message": "customer reads",
    "internal_message": "operators read",
    "retryable": "same card may work later",
    "needs_another_card": "another card needed",
    "three_d_secure": "3-D Secure may help",
}
_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """What people and shops get to know of a decline. title: whose meaning it is."""

    title: str
    words: str
    button: str
    code: str
    retryable: str
    follows: str


@dataclass(frozen=True, slots=True)
class Change:
    """One row of history. what: each value that changed, as `class: hard → soft`."""

    at: str
    who: str
    why: str
    what: list[str]


def preview(title: str, meaning: Decline) -> Preview:
    """Return what `meaning` lets the customer and the shop read."""
    words = meaning.words
    return Preview(
        title=title,
        words=words if "not charged" in words.casefold() else f"{words} You were not charged.",
        button="Try another card" if meaning.needs_another_card else "Try again",
        code=meaning.code,
        retryable=yes_or_no(is_so=meaning.retryable),
        follows=sentences.of_class(meaning.decline_class),
    )


def preview_of(title: str, gateway: str, code: str, values: RuleValues) -> Preview:
    """Return what a rule with `values` would let customer and shop read."""
    return preview(title, meaning_of(DeclineRule(gateway=gateway, code=code, **asdict(values))))


def history(gateway: str, code: str) -> list[Change]:
    """Return the newest changes of a rule, newest first."""
    changes = DeclineRuleChange.objects.filter(gateway=gateway, code=code).order_by("-pk")[:_MOST]
    return [Change(utc(change.at), change.operator, change.reason, differences(change)) for change in changes]


def differences(change: DeclineRuleChange) -> list[str]:
    """Return what a change changed, value by value."""
    before, after = change.before or {}, change.after or {}
    if change.after is None:
        return ["rule removed", *(_said(name, before[name]) for name in _NAMES if name in before)]
    found = [
        f"{_said(name, before[name])} → {_shown(after[name])}" if name in before else _said(name, after[name])
        for name in _NAMES
        if name in after and before.get(name) != after[name]
    ]
    return found if change.before else ["rule added", *found]


def yes_or_no(*, is_so: bool) -> str:
    return "yes" if is_so else "no"


def _said(name: str, value: Any) -> str:
    return f"{_NAMES[name]}: {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return yes_or_no(is_so=value)
    return str(value) or "nothing"
