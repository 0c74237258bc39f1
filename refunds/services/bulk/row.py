"""One row of a running bulk refund becomes a refund, or says why not; whatever it is, the next row has its turn."""

import logging
from typing import Final

from django.db.models.functions import Now

from payments.audit import Because
from payments.crash_points import reach
from refunds.models import BulkRefund, BulkRefundRow, Origin, Refund
from refunds.services.request import KeyReusedError, RefundRefusedError, Wanted, request
from refunds.states import RowState

logger = logging.getLogger(__name__)

_DEFECT: Final = "It could not be requested, by a fault of the machine that is in its log. Try it again."
_KEY_REUSED: Final = "A refund with other parameters exists under this row's key. Make a new list for it."


def key_of(row: BulkRefundRow) -> str:
    """Return the idempotency key of the row's refund: the same in all turns and tries."""
    return f"~bulk:{row.pk}"


def work_off(row: BulkRefundRow, bulk: BulkRefund) -> None:
    """Request the row's refund and note in the row what came of it: two transactions, with nothing between them that
    could be lost."""
    try:
        refund = request(_wanted(row, bulk), Because(bulk.requested_by, f"bulk:{bulk.pk}")).refund
    except RefundRefusedError as error:
        _failed(row, error.words)
    except KeyReusedError:
        _failed(row, _KEY_REUSED)
    except Exception:  # the boundary of a row: whatever is wrong with it must not stop all the others
        logger.exception("row %s of bulk refund %s could not be refunded", row.number, bulk.pk)
        _look_again(row)
    else:
        if __debug__:
            reach("bulk_refund.row")
        _refunded(row, refund)
    if __debug__:
        reach("bulk_refund.committed")


def _wanted(row: BulkRefundRow, bulk: BulkRefund) -> Wanted:
    """Return what to ask for. The start, or the second person, has decided about all rows: none waits for itself."""
    approved = bulk.needs_approval
    return Wanted(
        payment_id=row.payment_id or "",
        amount=row.amount,
        reason=bulk.reason,
        origin=Origin.BULK,
        key=key_of(row),
        note=bulk.note,
        limits={} if approved else {row.currency: row.amount or 0},
        approved_by=bulk.approved_by if approved else "",
    )


def _look_again(row: BulkRefundRow) -> None:
    """Say what became of a row whose request raised something unforeseen: it may have been committed before that."""
    client = row.payment.client_id if row.payment else None
    refund = Refund.objects.filter(client=client, idempotency_key=key_of(row)).first()
    if refund is None:
        _failed(row, _DEFECT)
    else:
        _refunded(row, refund)


def _refunded(row: BulkRefundRow, refund: Refund) -> None:
    BulkRefundRow.objects.filter(pk=row.pk).update(state=RowState.REFUNDED, refund=refund, message="", tried_at=Now())


def _failed(row: BulkRefundRow, words: str) -> None:
    # Never over the word of another worker that found the refund.
    waiting = BulkRefundRow.objects.filter(pk=row.pk, state=RowState.WAITING)
    waiting.update(state=RowState.FAILED, message=words[:300], tried_at=Now())
