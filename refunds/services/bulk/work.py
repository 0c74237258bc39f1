"""Works off bulk refunds, a few rows at each turn of the settle loop (requirements C1, D2).

Makes no call: each row becomes a refund of its own, which is sent as all refunds are. Every row has a key of its own,
so that whoever takes over after a crash finds the refund that was made, and makes none beside it.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from refunds.models import BulkRefund
from refunds.services.bulk.approval import ask_for_another, has_run_out
from refunds.services.bulk.row import work_off
from refunds.states import BulkState, RowState

# Rows of one turn, and seconds after which it begins no other row: the loop has payments to settle, too.
ROWS: Final = 25
TURN_SECONDS: Final = 0.25
# Far longer than a turn: after so long somebody else takes over from a worker that died.
LEASE: Final = timedelta(seconds=30)
_FIELDS: Final = (
    *("state", "approved_by", "approved_at", "decision"),
    *("fence", "due_at", "claimed_until", "finished_at"),
)


def anything_due() -> bool:
    """Say cheaply, without any lock, whether a claim would find something."""
    return BulkRefund.objects.filter(due_at__lte=Now()).exists()


def claim(_because: Because, _room: int) -> list[Callable[[], Callable[[], None]]]:
    """Give the list that has waited longest its turn. Returns no calls, as none are made: it needs no room."""
    if not anything_due():
        return []
    bulk = _claimed()
    if bulk is not None:
        _turn(bulk)
        _end_turn(bulk)
    return []


def _claimed() -> BulkRefund | None:
    """Return the list under a lease, if it is to be worked on; one that nobody approved in time is called off."""
    with transaction.atomic():
        due = BulkRefund.objects.select_for_update(no_key=True, skip_locked=True).filter(due_at__lte=Now())
        bulk = due.order_by("due_at").first()
        if bulk is None:
            return None
        now = database_now()
        bulk.fence += 1
        if bulk.state == BulkState.AWAITING_APPROVAL:
            bulk.decision = "Nobody approved it in time."
            bulk.cancel(now=now)
        elif has_run_out(bulk, now):
            # Nobody worked on it for so long.
            ask_for_another(bulk, now)
        else:
            bulk.due_at = bulk.claimed_until = now + LEASE
        bulk.save(update_fields=_FIELDS)
    return bulk if bulk.state == BulkState.RUNNING else None


def _turn(bulk: BulkRefund) -> None:
    ends_at = time.monotonic() + TURN_SECONDS
    waiting = bulk.rows.filter(state=RowState.WAITING).select_related("payment").order_by("number")
    for row in waiting[:ROWS]:
        # Somebody may have stopped it, or taken it over from a worker that was thought dead.
        if not _ours(bulk).exists():
            return
        work_off(row, bulk)
        if time.monotonic() > ends_at:
            return


def _end_turn(bulk: BulkRefund) -> None:
    """Make it due again at once, or end it when no row is left."""
    with transaction.atomic():
        held = _ours(bulk).select_for_update(no_key=True).first()
        if held is None:
            return
        now = database_now()
        if held.rows.filter(state=RowState.WAITING).exists():
            held.due_at, held.claimed_until = now, None
        else:
            held.finish(now=now)
        held.save(update_fields=["state", "due_at", "claimed_until", "finished_at"])


def _ours(bulk: BulkRefund) -> QuerySet[BulkRefund]:
    return BulkRefund.objects.filter(pk=bulk.pk, fence=bulk.fence, state=BulkState.RUNNING)
