"""Takes refunds in that were not made by us: at the gateway's own dashboard, or twice under one key (requirement D6).

They moved the customer's money all the same, and count like any other.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.after_capture import ListedRefund
from payments.gateways.base import Kind
from payments.idempotency import request_hash
from payments.models import Attempt, OperatorTask, Payment
from payments.money import Money
from payments.reliability.retry import UNANSWERED_AGAIN
from payments.services import messages
from payments.services.book import Book
from payments.states import CAPTURED
from refunds.events import CREATED
from refunds.models import Origin, Reason, Refund
from refunds.services import news
from refunds.services.change import Change
from refunds.services.locks import locked_payment
from refunds.services.request import parameters_hash
from refunds.states import RESERVED, RefundState

NOTE: Final = "Made at the gateway's own dashboard."
TWICE: Final = "Made by the gateway a second time under the key of refund {}."
_TWICE: Final = "The gateway refunded twice under the key of our refund {}."
# Refunds of ours that a question names.
_NAMED: Final = 5
_STATE: Final[dict[Kind, str]] = {Kind.SUCCEEDED: RefundState.SUCCEEDED, Kind.PENDING: RefundState.PROCESSING}


def take_in(gateway: str, listed: ListedRefund, charge: Attempt, because: Because, *, twice: str = "") -> bool:
    """Store the refund of `charge` that we did not make, once, under the payment's lock.

    twice: the id of the refund of ours under whose key the gateway made it. Returns False where it cannot be stored
    yet, and is to be read again. Safe to call again with the same.
    """
    with transaction.atomic():
        is_done = _take_in(gateway, listed, charge, because, twice)
        if __debug__:
            reach("refund_import.committing")
    if __debug__:
        reach("refund_import.committed")
    return is_done


def _take_in(gateway: str, listed: ListedRefund, charge: Attempt, because: Because, twice: str) -> bool:
    payment = locked_payment(charge.payment_id)
    if Refund.objects.filter(gateway=gateway, gateway_reference=listed.reference).exists():
        return True
    problem = _problem(payment, listed)
    if why := " ".join(filter(None, (_TWICE.format(twice) if twice else "", problem))):
        news.ask(payment.pk, gateway, listed, why)
    if problem:
        return not _may_find_room(payment, listed)
    now = database_now()
    refund = _new(gateway, listed, charge, payment, TWICE.format(twice) if twice else NOTE, now)
    _store(refund, Because(f"gateway:{gateway}"[:64], because.cause), Book(now=now))
    return True


def _problem(payment: Payment, listed: ListedRefund) -> str:
    """Return why the database cannot take the refund; empty where it can."""
    if listed.amount <= 0:
        return "That is no money that could be given back."
    if listed.currency != payment.currency:
        return f"The payment is in {payment.currency}."
    if payment.status not in CAPTURED:
        return "The payment is not captured."
    if payment.refund_reserved + listed.amount > payment.amount:
        taken = Money(payment.refund_reserved, payment.currency)
        more = f"With {taken} refunded or being refunded already it is more than the {payment.money} captured"
        return f"{more}: {_ours(payment)}."
    return ""


def _may_find_room(payment: Payment, listed: ListedRefund) -> bool:
    """Say whether it fits once refunds of ours that are under way release what they reserved; else waiting is vain."""
    is_under_way = payment.refund_reserved > payment.refunded
    fits = listed.currency == payment.currency and 0 < listed.amount <= payment.amount - payment.refunded
    return is_under_way and fits


def _ours(payment: Payment) -> str:
    """Return the ids of refunds that hold the payment's money, the newest first."""
    held = Refund.objects.filter(payment=payment, state__in=RESERVED).order_by("-pk")[:_NAMED]
    return ", ".join(held.values_list("pk", flat=True))


def _new(gateway: str, listed: ListedRefund, charge: Attempt, payment: Payment, note: str, now: datetime) -> Refund:
    is_done = listed.outcome.kind == Kind.SUCCEEDED
    refund = Refund(
        client_id=payment.client_id,
        payment=payment,
        charge=charge,
        gateway=gateway,
        amount=listed.amount,
        currency=listed.currency,
        reason=Reason.OTHER,
        note=note,
        origin=Origin.GATEWAY,
        idempotency_key=f"~gateway:{gateway}:{listed.reference}",
        request_hash=request_hash({"gateway": gateway, "reference": listed.reference}),
        requested_by=f"gateway:{gateway}"[:64],
        state=_STATE[listed.outcome.kind],
        gateway_reference=listed.reference,
        due_at=None if is_done else now + timedelta(seconds=UNANSWERED_AGAIN),
        created_at=now,
        updated_at=now,
        finished_at=now if is_done else None,
    )
    refund.parameters_hash = parameters_hash(refund)
    return refund


def _store(refund: Refund, because: Because, book: Book) -> None:
    """Write the refund, and all that follows from one that was made; its shop is told of its birth alone."""
    payment = refund.payment
    is_double = payment.refund_reserved + refund.amount + payment.charged_back > payment.amount
    # The trigger on this row moves the payment's counters.
    refund.save(force_insert=True)
    change = Change(refund, because, book)
    change.tell(
        "refund.imported",
        before="",
        event=CREATED,
        amount=refund.amount,
        currency=refund.currency,
        reference=refund.gateway_reference,
    )
    if refund.state == RefundState.SUCCEEDED:
        change.gave_back()
        book.owe(messages.refunded(payment, refund.pk, book.now))
    if payment.disputed or is_double:
        change.ask(
            OperatorTask.Kind.DOUBLE_LOSS,
            "It was made at the gateway, and the customer disputed the charge as well. Answer with it.",
        )
    change.publish()
    book.write()
