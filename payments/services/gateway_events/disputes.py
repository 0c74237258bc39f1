"""A customer disputes a charge: people are asked, until disputes are seen to by an app of their own (E1).

One payment may be disputed more than once: what a second event says joins the question that is still open.
"""

from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Q

from payments.gateways.documents import object_in
from payments.gateways.text import sanitised
from payments.models import OperatorTask
from payments.money import EXPONENTS, MAX_MINOR, Money
from payments.notices import Severity, tell
from payments.outcomes import Told
from payments.services.gateway_events.write import subject

KIND: Final = OperatorTask.Kind.DISPUTE_RECEIVED
_DETAIL: Final = OperatorTask._meta.get_field("detail").max_length or 0
# Characters of the reason, so that several disputes fit into one task.
_REASON: Final = 60
# The last second of the year 9999, which is as far as our calendar goes.
_LAST_SECOND: Final = 253_402_300_799


def received(told: Told) -> str:
    """Ask people about the payment, with what the event says of reason, amount and time: nobody has checked that.

    The same event again asks nothing more, whether its question is open or closed.
    """
    name = subject(told.event)
    # The id as it is: masked, two disputes could look like one.
    said = f"{name}: {sanitised(_said(bytes(told.event.body)))}"[:_DETAIL]
    tasks = OperatorTask.objects.filter(Q(payment_id=told.attempt.payment_id) | Q(subject=name), kind=KIND)
    if not any(said in detail for detail in tasks.values_list("detail", flat=True)):
        _ask(told, said)
    return "People were asked to answer the dispute."


def _ask(told: Told, said: str) -> None:
    payment_id = told.attempt.payment_id
    OperatorTask.objects.bulk_create(
        [OperatorTask(payment_id=payment_id, kind=KIND, detail=said)], ignore_conflicts=True
    )
    # The one just made, or one that was open; nobody else adds to it or closes it meanwhile.
    tasks = OperatorTask.objects.select_for_update(no_key=True).filter(payment_id=payment_id, kind=KIND)
    task = tasks.get(closed_at__isnull=True)
    if said in task.detail:
        return
    longer = f"{task.detail} Another: {said}"
    if len(longer) > _DETAIL:
        _ask_apart(told, said)
        return
    task.detail = longer
    task.save(update_fields=["detail"])
    if task.alerted_at is not None:
        path = f"/admin/payments/operatortask/{task.pk}/change/"
        about = f"Another dispute of payment {payment_id}"
        tell(KIND, f"task:{task.pk}:event:{told.event.pk}", about, "It waits for a person.", Severity.CRITICAL, path)


def _ask_apart(told: Told, said: str) -> None:
    """Ask in a task that is about the event itself: that of the payment is full."""
    detail = f"Payment {told.attempt.payment_id}: {said}"[:_DETAIL]
    OperatorTask.objects.create(kind=KIND, subject=subject(told.event), detail=detail)


def _said(body: bytes) -> str:
    data = _object(object_in(body) or {}, "data")
    charge, dispute = _object(data, "object"), _object(data, "dispute")
    reason = dispute.get("reason")
    named = sanitised(reason, _REASON) if isinstance(reason, str) else "unknown"
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
