"""What people do with a bulk refund: start, approve, stop, resume, try again, cancel (requirement D6; invariant 7)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Count, Max, Sum

from payments.audit import Because
from payments.clock import database_now
from payments.money import Money
from payments.services import wake
from refunds import rules
from refunds.models import BulkRefund
from refunds.services.bulk.approval import ask_for_another, has_run_out, wait_for_approval
from refunds.services.bulk.check import parameters_hash
from refunds.states import BulkState, RowState

_FIELDS: Final = (
    *("state", "needs_approval", "approved_by", "approved_at", "decision"),
    *("due_at", "claimed_until", "started_at", "finished_at"),
)
CAN_BE_CANCELED: Final = (BulkState.CHECKED, BulkState.AWAITING_APPROVAL, BulkState.STOPPED)
# A start that is pressed again finds one of these.
_STARTED: Final = (BulkState.AWAITING_APPROVAL, BulkState.RUNNING, BulkState.DONE)


class BulkRefusedError(Exception):
    """This cannot be done with the bulk refund now; nothing was changed. The text says why."""


@dataclass(frozen=True, slots=True)
class Total:
    """What a start would give back in one currency, in minor units. largest: of one row."""

    currency: str
    count: int
    amount: int
    largest: int

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


def totals(bulk: BulkRefund) -> list[Total]:
    """Return per currency what the rows that can be refunded, or were, come to."""
    rows = bulk.rows.exclude(state=RowState.REFUSED).order_by("currency").values("currency")
    sums = rows.annotate(count=Count("pk"), total=Sum("amount"), largest=Max("amount"))
    return [Total(row["currency"], row["count"], row["total"], row["largest"]) for row in sums]


def needs_approval(sums: list[Total], limits: Mapping[str, int]) -> bool:
    """Say whether a row, or all rows of one currency together, are above what somebody may refund alone.

    limits: currency → minor units.
    """
    return any(rules.needs_approval(total.money, limits) for total in sums)


def start(bulk_id: str, because: Because, *, seen: str, limits: Mapping[str, int]) -> BulkRefund:
    """Let the rows be refunded, as they were when their hash was `seen`; above `limits` somebody approves it first.

    Started already, it stays as it is. Raises BulkRefusedError and BulkRefund.DoesNotExist.
    """
    with _changing(bulk_id) as (bulk, now):
        if bulk.requested_by != because.actor:
            raise BulkRefusedError("Only who made the list may start it. Make your own from the same file.")
        _require_seen(bulk, seen)
        if bulk.state in _STARTED:
            return bulk
        _require_state(bulk, BulkState.CHECKED)
        sums = totals(bulk)
        if not sums:
            raise BulkRefusedError("No row of the list can be refunded.")
        bulk.needs_approval = needs_approval(sums, limits)
        if bulk.needs_approval:
            wait_for_approval(bulk, now)
        else:
            bulk.start(now=now)
    return _woken(bulk)


def approve(bulk_id: str, because: Because, *, seen: str, words: str = "") -> BulkRefund:
    """Let a list that waits for a second person run. Raises BulkRefusedError and BulkRefund.DoesNotExist."""
    with _changing(bulk_id) as (bulk, now):
        _require_state(bulk, BulkState.AWAITING_APPROVAL)
        if bulk.requested_by == because.actor:
            raise BulkRefusedError("Who asked for a refund may not approve it: ask somebody else.")
        if bulk.due_at is None or bulk.due_at <= now:
            raise BulkRefusedError("The list was not approved in time and has lapsed. It must be made again.")
        _require_seen(bulk, seen)
        bulk.approved_by, bulk.approved_at, bulk.decision = because.actor, now, words[:500]
        bulk.start(now=now)
    return _woken(bulk)


def cancel(bulk_id: str, words: str) -> BulkRefund:
    """End it for good: what is refunded stays refunded, nothing more is. Raises as `approve`."""
    with _changing(bulk_id) as (bulk, now):
        _require_state(bulk, *CAN_BE_CANCELED)
        if bulk.state == BulkState.AWAITING_APPROVAL:
            bulk.decision = words[:500]
        bulk.cancel(now=now)
    return bulk


def stop(bulk_id: str) -> BulkRefund:
    """Begin no further row; the one that is being worked on at this moment is finished. Raises as `approve`."""
    with _changing(bulk_id) as (bulk, _):
        _require_state(bulk, BulkState.RUNNING)
        bulk.stop()
    return bulk


def resume(bulk_id: str) -> BulkRefund:
    """Go on with the rows that wait; where its approval has run out meanwhile, it waits for another first.

    Raises as `approve`.
    """
    with _changing(bulk_id) as (bulk, now):
        _require_state(bulk, BulkState.STOPPED)
        _go_on(bulk, now)
    return _woken(bulk)


def try_failed_again(bulk_id: str) -> int:
    """Let the rows for which no refund could be requested have another turn; return how many. Raises as `approve`.

    As after `resume`, the list may wait for another approval first.
    Each keeps its key, so that a row can never get a second refund. A refund that was requested and failed at its
    gateway is another matter: it needs a new list.
    """
    with _changing(bulk_id) as (bulk, now):
        _require_state(bulk, BulkState.DONE)
        count = bulk.rows.filter(state=RowState.FAILED).update(state=RowState.WAITING, message="")
        if not count:
            raise BulkRefusedError("No row has failed that could be tried again.")
        _go_on(bulk, now)
    _woken(bulk)
    return count


def _go_on(bulk: BulkRefund, now: datetime) -> None:
    if has_run_out(bulk, now):
        ask_for_another(bulk, now)
    else:
        bulk.start(now=now)


@contextmanager
def _changing(bulk_id: str) -> Iterator[tuple[BulkRefund, datetime]]:
    """Yield the list under its lock with the database's time, and write it."""
    with transaction.atomic():
        bulk = BulkRefund.objects.select_for_update(no_key=True).get(pk=bulk_id)
        before = bulk.state
        yield bulk, database_now()
        if bulk.state != before:
            bulk.save(update_fields=_FIELDS)


def _woken(bulk: BulkRefund) -> BulkRefund:
    wake.wake_if_idle()
    return bulk


def _require_state(bulk: BulkRefund, *states: BulkState) -> None:
    if bulk.state not in states:
        raise BulkRefusedError(f"The list is now: {bulk.get_state_display().lower()}. Look at it again.")


def _require_seen(bulk: BulkRefund, seen: str) -> None:
    rows = bulk.rows.order_by("number").only("number", "payment_id", "amount", "currency", "state")
    if not seen == bulk.parameters_hash == parameters_hash(bulk, rows):
        raise BulkRefusedError("The list is not the one that you saw. Look at it again.")
