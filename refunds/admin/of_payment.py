"""What refunds add to the page of a payment: its money, its refunds, the act, and the attempts on its timeline."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.urls import reverse

from payments.admin import sentences
from payments.admin.base import page_of
from payments.admin.formats import utc
from payments.admin.payment.parts import Offer, Panel, Part, Seen
from payments.models import Payment
from payments.money import Money
from payments.reliability import refundable
from payments.states import PaymentStatus
from refunds import rules
from refunds.admin import labels, words
from refunds.admin.may import MAY_REQUEST, limit_in_words
from refunds.admin.refund.events import attempts_of, in_turn
from refunds.admin.refund.next_step import next_step
from refunds.models import Refund, RefundAttempt
from refunds.states import OPEN, RefundState


@dataclass(frozen=True, slots=True)
class Row:
    """One refund in the table, in words."""

    refund: Refund
    url: str
    label: str
    colour: str
    words: str
    asked: str
    approved: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The panel. money: name and exact sum. until: until when the payment can be refunded."""

    money: list[tuple[str, str]]
    rows: list[Row]
    has_unknown: bool


def part(seen: Seen) -> Part:
    payment = seen.payment
    refunds = refunds_of(payment)
    return Part(
        panels=[_panel(payment, refunds, seen)] if refunds or payment.status == PaymentStatus.SUCCESS else [],
        offers=_offers(payment, seen) if seen.user.has_perm(MAY_REQUEST) else [],
        events=attempts_of(refunds, seen.entries),
        next_steps=[
            f"Refund of {refund.money}: {next_step(refund, in_turn(refund), seen.now)}"
            for refund in refunds
            if refund.state in OPEN
        ],
        gateways={id_: refund.gateway for refund in refunds for id_ in _ids(refund)},
    )


def refunds_of(payment: Payment) -> list[Refund]:
    """Return the payment's refunds with their attempts, oldest first, with two statements."""
    attempts = Prefetch("attempts", queryset=RefundAttempt.objects.order_by("number"))
    return list(Refund.objects.filter(payment_id=payment.pk).order_by("pk").prefetch_related(attempts))


def money_of(payment: Payment, now: datetime) -> list[tuple[str, str]]:
    """Return what became of the money that was captured."""
    money = {
        "Captured": payment.amount if payment.status == PaymentStatus.SUCCESS else 0,
        "Refunded": payment.refunded,
        "Reserved for refunds under way": payment.refund_reserved - payment.refunded,
        "Held by open disputes": payment.disputed,
        "Lost in disputes": payment.charged_back,
        "Still refundable": refundable.refundable(payment, now),
    }
    always = {"Captured", "Refunded", "Still refundable"}
    sums = [(name, str(Money(sum_, payment.currency))) for name, sum_ in money.items() if sum_ or name in always]
    last = refundable.last_day(payment)
    return [*sums, ("Last day for refunds", f"{last:%Y-%m-%d} (UTC), included" if last else "—")]


def _panel(payment: Payment, refunds: list[Refund], seen: Seen) -> Panel:
    shown = Shown(
        money=money_of(payment, seen.now),
        rows=[_row(refund, payment.client.name) for refund in refunds],
        has_unknown=any(refund.state == RefundState.UNKNOWN for refund in refunds),
    )
    return Panel("admin/console/refunds_of_payment.html", shown)


def _row(refund: Refund, client: str) -> Row:
    return Row(
        refund=refund,
        url=page_of(refund),
        label=str(RefundState(refund.state).label),
        colour=labels.REFUND[refund.state],
        words=words.of_refund(refund),
        asked=f"{sentences.who(refund.requested_by, client)}, {utc(refund.created_at)}",
        approved=words.approval_of(refund),
    )


def _offers(payment: Payment, seen: Seen) -> list[Offer]:
    refusal = rules.why_not(payment, max(refundable.remaining(payment), 1), seen.now)
    refund = Offer(
        label="Refund",
        will=_will(payment, seen.user),
        url=reverse("admin:refunds_refund_request", args=[payment.pk]),
        why_not=refusal.words if refusal else "",
    )
    if refusal is not None:
        return [refund]
    about = urlencode({"client": payment.client_id, "order": payment.order.reference})
    complaint = Offer(
        label="Complaint",
        will="The customer complains: the policy refunds a small order at once, or asks a person to decide.",
        url=f"{reverse('admin:refunds_complaint_add')}?{about}",
    )
    return [refund, complaint]


def _will(payment: Payment, user: User) -> str:
    left = Money(refundable.remaining(payment), payment.currency)
    return f"Give up to {left} back to the customer. {limit_in_words(user, payment.currency)}"


def _ids(refund: Refund) -> list[str]:
    return [refund.pk, *(attempt.pk for attempt in refund.attempts.all())]
