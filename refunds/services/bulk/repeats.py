"""Warns of rows that may have been refunded before: the same list twice is the most expensive mistake of a night."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from refunds.models import BulkRefundRow, Refund
from refunds.states import RESERVED, RowState

_AT_ONCE: Final = 1000
# How the warning begins, by which the page counts such rows.
WARNING: Final = "Careful: "


def warn(rows: Sequence[BulkRefundRow]) -> None:
    """Say so in each row that can be refunded and whose payment has, or gets here, a refund of the same amount."""
    waiting = [row for row in rows if row.state == RowState.WAITING]
    known = _refunds(row.payment_id for row in waiting if row.payment_id)
    here: dict[tuple[str, int], int] = {}
    for row in waiting:
        what = (row.payment_id or "", row.amount or 0)
        if what in known:
            row.message = f"{WARNING}the same amount of this payment is refunded already, by {known[what]}."
        elif what in here:
            row.message = f"{WARNING}line {here[what]} refunds the same amount of this payment."
        here.setdefault(what, row.number)


def _refunds(payments: Iterable[str]) -> dict[tuple[str, int], str]:
    """Return the newest refund that holds, by payment and amount."""
    found: dict[tuple[str, int], str] = defaultdict(str)
    ids = sorted(set(payments))
    for start in range(0, len(ids), _AT_ONCE):
        some = Refund.objects.filter(payment__in=ids[start : start + _AT_ONCE], state__in=RESERVED)
        for pk, payment_id, amount in some.order_by("pk").values_list("pk", "payment_id", "amount"):
            found[payment_id, amount] = pk
    return found
