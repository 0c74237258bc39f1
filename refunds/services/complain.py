"""Answers a complaint: a small order is refunded at once, anything else becomes a question to people (D4)."""

from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from payments import audit
from payments.audit import Because
from payments.clock import database_now
from payments.idempotency import request_hash
from payments.models import Client, Order, Payment
from payments.money import Money
from payments.reliability import refundable
from payments.services import wake
from payments.services.book import Book
from payments.states import PaymentStatus
from refunds import queries, rules
from refunds.models import Complaint, Origin, ProactiveSpend, Reason, Refund
from refunds.models.complaint import new_complaint_id
from refunds.proactive import Case, Decision, Policy, decide
from refunds.rules import Refusal
from refunds.services.locks import locked_payment
from refunds.services.request import KeyReusedError, RefundRefusedError, Wanted, request_here
from refunds.services.review_task import open_task, task_of


@dataclass(frozen=True, slots=True)
class Complained:
    """A complaint about an order of a shop. words: what the customer says, 1 to 1000 characters. key: as a refund's."""

    client_id: int
    order_reference: str
    words: str
    key: str

    @property
    def hash(self) -> str:
        """By which two complaints are the same."""
        return request_hash({"order": self.order_reference, "words": self.words})


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a complaint, whose refund is loaded, if any. task_id: of the question to people, if there is one.

    replayed: by an earlier complaint with the same key.
    """

    complaint: Complaint
    task_id: int | None
    replayed: bool


def complain(complained: Complained, because: Because) -> Answered:
    """Refund the order at once if the policy allows it, else ask people.

    Raises Order.DoesNotExist, RefundRefusedError (nothing of the order may be refunded) and KeyReusedError, each with
    nothing changed.
    """
    try:
        with transaction.atomic():
            answered = _complain_here(complained, because)
    except IntegrityError:
        # The same key at the same moment, for another order: the other one came first, and is the answer.
        if (known := _replay(complained)) is None:
            raise
        answered = known
    if answered.complaint.refund is not None and not answered.replayed:
        wake.wake_if_idle()
    return answered


def _complain_here(complained: Complained, because: Because) -> Answered:
    order, payment = _locked(complained)
    if (known := _replay(complained)) is not None:
        return known
    book = Book(now=database_now())
    stake = Money(refundable.remaining(payment), payment.currency)
    if (refusal := rules.why_not(payment, stake.minor, book.now)) is not None:
        raise RefundRefusedError(refusal)
    # Complaints of one shop are decided one after another: else two of one customer would not see each other.
    Client.objects.select_for_update(no_key=True).get(pk=complained.client_id)
    case = _case(order, payment, stake, book)
    decision = _decided(case, order, book)
    complaint = _new(complained, order, payment, decision, stake, because)
    task_id = None
    if decision.refund:
        complaint.refund = _refund(complaint, because)
    else:
        task_id = open_task(complaint, case, decision)
    complaint.save(force_insert=True)
    _tell(complaint, because, book)
    book.write()
    return Answered(complaint, task_id, replayed=False)


def _locked(complained: Complained) -> tuple[Order, Payment]:
    """Return the order and its paid payment under their locks."""
    mine = Order.objects.select_for_update(no_key=True).filter(client_id=complained.client_id)
    order = mine.get(reference=complained.order_reference)
    payments = Payment.objects.filter(order=order)
    # At most one payment of an order is paid; the newest says best why none is.
    paid = payments.filter(status=PaymentStatus.SUCCESS).first() or payments.order_by("-pk").first()
    if paid is None:
        raise RefundRefusedError(Refusal("payment_not_captured", "Nobody paid for this order: nothing to refund."))
    return order, locked_payment(paid.pk)


def _replay(complained: Complained) -> Answered | None:
    """Return what became of the complaint that has this key, if there is one."""
    mine = Complaint.objects.select_related("refund", "order").filter(client_id=complained.client_id)
    known = mine.filter(idempotency_key=complained.key).first()
    if known is None:
        return None
    if known.request_hash != complained.hash:
        raise KeyReusedError
    return Answered(known, task_of(known), replayed=True)


def _case(order: Order, payment: Payment, stake: Money, book: Book) -> Case:
    spent = ProactiveSpend.objects.filter(client_id=order.client_id, day=book.now.date(), currency=stake.currency)
    return Case(
        stake=stake,
        lost_here=payment.charged_back > 0,
        history=queries.history_of(order, book.now, settings.PROACTIVE_DAYS),
        spent=spent.values_list("spent", flat=True).first() or 0,
    )


def _decided(case: Case, order: Order, book: Book) -> Decision:
    """Return the decision, its refund drawn from the day's budget, whose row has the last word."""
    policy = _policy(case.stake.currency)
    decision = decide(case, policy)
    if not decision.refund or _draw(case.stake, order.client_id, book, policy.budget):
        return decision
    return decide(replace(case, spent=policy.budget), policy)


def _draw(stake: Money, client_id: int, book: Book, budget: int) -> bool:
    """Take `stake` out of the day's budget; say whether it covered it. The day is that of UTC."""
    row: dict[str, Any] = {"client_id": client_id, "day": book.now.date(), "currency": stake.currency}
    ProactiveSpend.objects.get_or_create(**row)
    left = ProactiveSpend.objects.filter(**row, spent__lte=budget - stake.minor)
    return left.update(spent=F("spent") + stake.minor) == 1


def _policy(currency: str) -> Policy:
    """Return the settings for a currency; one that is in none of them always goes to people."""
    return Policy(
        limit=settings.PROACTIVE_LIMITS.get(currency, 0),
        budget=settings.PROACTIVE_BUDGETS.get(currency, 0),
        times=settings.PROACTIVE_TIMES,
        days=settings.PROACTIVE_DAYS,
        fee=settings.DISPUTE_FEES.get(currency, 0),
    )


def _new(
    complained: Complained, order: Order, payment: Payment, decision: Decision, stake: Money, because: Because
) -> Complaint:
    kinds, customer = Complaint.Decision, queries.customer_of(order)
    return Complaint(
        id=new_complaint_id(),
        client_id=complained.client_id,
        order=order,
        payment_id=payment.pk,
        idempotency_key=complained.key,
        request_hash=complained.hash,
        customer=customer.reference,
        customer_email=customer.email,
        words=complained.words,
        decision=kinds.REFUNDED if decision.refund else kinds.REVIEW,
        why=decision.why[:500],
        amount=stake.minor,
        currency=stake.currency,
        requested_by=because.actor,
    )


def _refund(complaint: Complaint, because: Because) -> Refund:
    """Request the refund of all that is left. It is below the policy's limit, so that no second person is asked."""
    wanted = Wanted(
        payment_id=complaint.payment_id,
        amount=complaint.amount,
        reason=Reason.PROACTIVE,
        origin=Origin.PROACTIVE,
        key=f"~proactive:{complaint.pk}",
        note=complaint.words[:500],
        client_id=complaint.client_id,
        limits=settings.PROACTIVE_LIMITS,
    )
    return request_here(wanted, because).refund


def _tell(complaint: Complaint, because: Because, book: Book) -> None:
    entry = audit.entry(
        *(complaint.payment_id, complaint.pk, f"complaint.{complaint.decision}", because),
        before="",
        after=complaint.decision,
        reason=complaint.why,
        amount=complaint.amount,
        currency=complaint.currency,
    )
    book.entries.append(entry)
