"""A customer disputes a charge: people are asked, until disputes are seen to by an app of their own (E1)."""

from datetime import UTC, datetime
from typing import Any, Final

from payments.gateways.documents import object_in
from payments.gateways.text import sanitised
from payments.models import OperatorTask
from payments.money import EXPONENTS, MAX_MINOR, Money
from payments.outcomes import Told

KIND: Final = OperatorTask.Kind.DISPUTE_RECEIVED
# The last second of the year 9999, which is as far as our calendar goes.
_LAST_SECOND: Final = 253_402_300_799


def received(told: Told) -> str:
    """Open a task about the payment, with what the event says of reason, amount and time: nobody has checked that."""
    event, payment_id = told.event, told.attempt.payment_id
    detail = sanitised(f"{event.gateway} event {event.event_id}: {_said(bytes(event.body))}")
    same = OperatorTask.objects.filter(payment_id=payment_id, kind=KIND, detail=detail)
    if not same.exists():
        OperatorTask.objects.bulk_create(
            [OperatorTask(payment_id=payment_id, kind=KIND, detail=detail)], ignore_conflicts=True
        )
    return "People were asked to answer the dispute."


def _said(body: bytes) -> str:
    data = _object(object_in(body) or {}, "data")
    charge, dispute = _object(data, "object"), _object(data, "dispute")
    reason = dispute.get("reason")
    named = reason if isinstance(reason, str) else "unknown"
    return f"reason {named}, amount {_amount(dispute, charge)}, evidence due {_due(dispute)}."


def _object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _amount(dispute: dict[str, Any], charge: dict[str, Any]) -> str:
    amount, currency = dispute.get("amount"), dispute.get("currency", charge.get("currency"))
    if type(amount) is not int or not isinstance(currency, str) or currency not in EXPONENTS:
        return "unknown"
    return str(Money(amount, currency)) if 0 < amount <= MAX_MINOR else "unknown"


def _due(dispute: dict[str, Any]) -> str:
    seconds = dispute.get("due_by")
    if type(seconds) is not int or not 0 < seconds <= _LAST_SECOND:
        return "unknown"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
