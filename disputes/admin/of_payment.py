"""What disputes add to the page of a payment: what may be lost twice, what can be done, and each dispute."""

from dataclasses import dataclass

from disputes.admin import words
from disputes.admin.exposure import Exposure, exposure
from disputes.admin.next_step import next_step, to_do
from disputes.admin.page import confirmed, money_of
from disputes.models import Dispute
from disputes.states import DisputeStatus
from payments.admin.base import page_of
from payments.admin.formats import utc
from payments.admin.payment.parts import Panel, Part, Seen
from payments.money import Money


@dataclass(frozen=True, slots=True)
class Row:
    """One dispute in the table, in words."""

    dispute: Dispute
    url: str
    money: str
    label: str
    colour: str
    words: str
    reason: str
    respond_by: str
    refunded_before: str
    confirmed: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The panel. to_do: what a person can do now about each open dispute: its money, its page, and words."""

    exposure: Exposure
    to_do: list[tuple[str, str, str]]
    rows: list[Row]


def part(seen: Seen) -> Part:
    """Return what disputes add; of a payment without any, nothing, at the price of one statement."""
    disputes = list(Dispute.objects.filter(payment_id=seen.payment.pk).order_by("pk"))
    if not disputes:
        return Part()
    still_open = [dispute for dispute in disputes if dispute.status == DisputeStatus.NEEDS_RESPONSE]
    shown = Shown(
        exposure=exposure(seen.payment),
        to_do=[(money_of(each), page_of(each), to_do(each, seen.now)) for each in still_open],
        rows=[_row(dispute) for dispute in disputes],
    )
    return Part(
        panels=[Panel("admin/console/disputes_of_payment.html", shown)],
        next_steps=[f"Dispute of {money_of(dispute)}: {next_step(dispute, seen.now)}" for dispute in still_open],
        gateways={dispute.pk: dispute.gateway for dispute in disputes},
    )


def _row(dispute: Dispute) -> Row:
    return Row(
        dispute=dispute,
        url=page_of(dispute),
        money=money_of(dispute),
        label=str(DisputeStatus(dispute.status).label),
        colour=words.LABELS[dispute.status],
        words=words.of_dispute(dispute),
        reason=words.of_reason(dispute.reason) or "—",
        respond_by=utc(dispute.respond_by),
        refunded_before=str(Money(dispute.refunded_before, dispute.currency)),
        confirmed=confirmed(dispute),
        trouble=words.of_trouble(dispute.trouble),
    )
