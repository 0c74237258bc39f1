"""What a gateway's event says of a dispute, read strictly: nobody has checked it yet."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from payments.gateways.documents import object_in
from payments.gateways.text import sanitised
from payments.money import EXPONENTS, MAX_MINOR, Money

# Characters of the reason, so that several disputes fit into one task.
_REASON: Final = 60
# The last second of the year 9999, which is as far as our calendar goes.
_LAST_SECOND: Final = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Said:
    """What an event says; empty or None where it does not say it in a form that we can read."""

    reason: str
    money: Money | None
    respond_by: datetime | None

    def in_words(self) -> str:
        """Return it for people."""
        due = f"{self.respond_by:%Y-%m-%d %H:%M} UTC" if self.respond_by else "unknown"
        return f"reason {self.reason or 'unknown'}, amount {self.money or 'unknown'}, evidence due {due}."


def said_in(body: bytes) -> Said:
    """Return what the body of an event says of its dispute."""
    data = _object(object_in(body) or {}, "data")
    charge, dispute = _object(data, "object"), _object(data, "dispute")
    reason = dispute.get("reason")
    return Said(
        reason=sanitised(reason, _REASON) if isinstance(reason, str) else "",
        money=_money(dispute.get("amount"), dispute.get("currency", charge.get("currency"))),
        respond_by=time_of(dispute.get("due_by")),
    )


def time_of(seconds: Any) -> datetime | None:
    """Return the time of so many UTC seconds since 1970; None where they are none, or beyond our calendar."""
    if type(seconds) is not int or not 0 < seconds <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _money(amount: Any, currency: Any) -> Money | None:
    if type(amount) is not int or not isinstance(currency, str) or currency not in EXPONENTS:
        return None
    return Money(amount, currency) if 0 < amount <= MAX_MINOR else None
