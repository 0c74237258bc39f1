"""The rows of a bulk refund as the console shows them: each with what became of its refund since."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from payments.money import Money
from refunds.admin import labels, words
from refunds.models import BulkRefund, BulkRefundRow
from refunds.services.bulk.repeats import WARNING
from refunds.states import RefundState, RowState

_COLOURS: Final[Mapping[str, str]] = {
    RowState.REFUSED: "default",
    RowState.WAITING: "info",
    RowState.REFUNDED: "info",
    RowState.FAILED: "danger",
}
# Refunds that ended without the money being with the customer: they need a new list.
ENDED_BADLY: Final = (RefundState.FAILED, RefundState.REJECTED)
Rows = QuerySet[BulkRefundRow]


@dataclass(frozen=True, slots=True)
class Shown:
    """One row in words."""

    number: int
    given: str
    payment_id: str
    amount: str
    refund_id: str
    state: str
    colour: str
    words: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are shown: a name for the address, a label, and the choice among all rows of the list."""

    slug: str
    label: str
    rows: Callable[[Rows], Rows]


CHOICES: Final = (
    Choice("all", "All", lambda rows: rows),
    Choice("refused", "Cannot be refunded", lambda rows: rows.filter(state=RowState.REFUSED)),
    Choice("careful", "Maybe a repetition", lambda rows: rows.filter(message__startswith=WARNING)),
    Choice("waiting", "Waiting", lambda rows: rows.filter(state=RowState.WAITING)),
    Choice("failed", "Failed here, can be tried again", lambda rows: rows.filter(state=RowState.FAILED)),
    Choice("ended", "Refund failed, needs a new list", lambda rows: rows.filter(refund__state__in=ENDED_BADLY)),
    Choice("open", "Refund not over", lambda rows: rows.filter(refund__isnull=False, refund__finished_at=None)),
    Choice("succeeded", "Money went back", lambda rows: rows.filter(refund__state=RefundState.SUCCEEDED)),
)


def rows_of(bulk: BulkRefund) -> Rows:
    """Return the rows in their order, with their refunds."""
    return bulk.rows.select_related("refund").order_by("number")


def new_list(bulk: BulkRefund) -> str:
    """Return the rows whose refund failed as the text of a new list, with exact amounts."""
    rows = rows_of(bulk).filter(refund__state__in=ENDED_BADLY)
    return "\n".join(f"{row.payment_id}; {_amount(row)}" for row in rows)


def shown(row: BulkRefundRow) -> Shown:
    """Return the row with the present state of its refund, which outranks what the row itself says."""
    refund = row.refund
    given = " · ".join(filter(None, (row.given_payment, row.given_amount)))
    about: dict[str, Any] = {
        "state": row.get_state_display(),
        "colour": _COLOURS[row.state],
        "words": row.message,
    }
    if refund is not None:
        again = " It needs a new list." if refund.state in ENDED_BADLY else ""
        about = {
            "state": refund.get_state_display(),
            "colour": labels.REFUND[refund.state],
            "words": f"{words.of_refund(refund)}.{again}",
        }
    payment_id = row.payment_id or ""
    return Shown(row.number, given, payment_id, _amount(row), row.refund_id or "", **about)


def _amount(row: BulkRefundRow) -> str:
    return str(Money(row.amount, row.currency)) if row.amount is not None else ""
