"""The one door through which what a gateway answers about a dispute comes in: under the payment's lock, in one
transaction. The same answer again changes nothing."""

import random
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from disputes.models import Dispute
from disputes.reading import time_of
from disputes.services.change import Change
from disputes.services.locks import locked
from disputes.states import DisputeStatus
from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.after_capture import DisputeReport
from payments.models import OperatorTask
from payments.reliability.retry import NOT_FOUND_APART, UNANSWERED_AGAIN, jittered, next_look
from payments.services.book import Book

# As `trouble`: the gateway said once that it knows of no such dispute.
NOT_FOUND: Final = "not_found"
# Seconds after which the gateway is asked about an open dispute even where no event came: the webhook of its end may
# be lost, and must not freeze a payment for ever.
DAILY: Final = 24 * 3600
_ENDED: Final = {"won": DisputeStatus.WON, "lost": DisputeStatus.LOST}


def heard(dispute_id: str, report: DisputeReport, because: Because, fence: int) -> None:
    """Make true what the gateway answered to the claim `fence`; the answer to an older one is not believed any more."""
    with transaction.atomic():
        dispute = locked(dispute_id)
        if dispute.fence != fence:
            return
        book = Book(now=database_now())
        change = Change(dispute, because, book)
        dispute.claimed_until = None
        dispute.looks += 1
        before = dispute.status
        _of(change, report)
        change.write()
        _ask_people(change, report, before)
        book.write()
        if __debug__:
            reach("dispute_apply.committing")
    if __debug__:
        reach("dispute_apply.committed")


def _ask_people(change: Change, report: DisputeReport, before: str) -> None:
    """Close what people were asked and need not see to any more, and ask what they need to know now."""
    status = change.dispute.status
    if status != DisputeStatus.NEEDS_RESPONSE:
        change.end(before=before)
    elif before != status:
        change.ask_for_answer()
    if report.status in {"open", *_ENDED}:
        change.warn_of_double_loss()


def _of(change: Change, report: DisputeReport) -> None:
    trouble = report.trouble if report.status not in {"open", "won", "lost", "not_found"} else ""
    if report.status == "not_found":
        _not_found(change)
    elif trouble := trouble or _mismatch(change.dispute, report):
        _unknown(change, report, trouble)
    else:
        _answered(change, report)


def _answered(change: Change, report: DisputeReport) -> None:
    """The gateway says how it stands."""
    dispute = change.dispute
    dispute.trouble = ""
    _correct(change, report)
    status = _ENDED.get(report.status, DisputeStatus.NEEDS_RESPONSE)
    if dispute.status != status:
        before = dispute.status
        _move(dispute, status, change.now)
        action = "dispute.reopened" if status == DisputeStatus.NEEDS_RESPONSE else f"dispute.{status}"
        change.tell(action, before=before, amount=dispute.amount, currency=dispute.currency)
    is_open = status == DisputeStatus.NEEDS_RESPONSE
    dispute.due_at = change.now + timedelta(seconds=jittered(DAILY, random.random)) if is_open else None


def _correct(change: Change, report: DisputeReport) -> None:
    """Take over what the gateway says of it; the payment's held amount follows by the database's own trigger."""
    dispute, was = change.dispute, change.dispute.amount
    is_first = dispute.confirmed_at is None
    dispute.confirmed_at = change.now
    dispute.amount = report.amount
    dispute.reason = report.reason[:64] or dispute.reason
    dispute.respond_by = time_of(report.due_by) or dispute.respond_by
    if is_first or was != dispute.amount:
        sums = {"amount": dispute.amount, "was": was, "currency": dispute.currency}
        change.note("dispute.confirmed", reason=dispute.reason, **sums)


def _move(dispute: Dispute, status: str, now: datetime) -> None:
    if status == DisputeStatus.WON:
        dispute.win(now=now)
    elif status == DisputeStatus.LOST:
        dispute.lose(now=now)
    else:
        dispute.reopen()


def _not_found(change: Change) -> None:
    """The gateway knows of no such dispute: it may be behind its own event, so that only the second answer ends it."""
    dispute = change.dispute
    if dispute.status != DisputeStatus.NEEDS_RESPONSE:
        dispute.due_at = None
    elif dispute.trouble != NOT_FOUND:
        dispute.trouble = NOT_FOUND
        dispute.due_at = change.now + timedelta(seconds=NOT_FOUND_APART)
    else:
        dispute.close(now=change.now)
        dispute.due_at = None
        change.tell("dispute.closed", before=DisputeStatus.NEEDS_RESPONSE, reason=NOT_FOUND)
        said = "its event came, and the gateway knows of none such. Nothing is held for it any more: ask the gateway."
        change.ask(OperatorTask.Kind.CONTRADICTION, said, "The gateway contradicts itself again")


def _unknown(change: Change, report: DisputeReport, trouble: str) -> None:
    """Nothing was learnt: it stays as it is, and the gateway is asked again; at least daily while it is open."""
    dispute = change.dispute
    is_new = dispute.trouble != trouble[:64]
    dispute.trouble = trouble[:64]
    age = (change.now - dispute.opened_at).total_seconds()
    wait = min(next_look(age, random.random) or DAILY, DAILY)
    if report.opens_breaker:
        wait = min(wait, jittered(UNANSWERED_AGAIN, random.random))
    dispute.due_at = change.now + timedelta(seconds=max(wait, float(report.retry_after or 0)))
    if is_new and report.status != "unknown":
        said = f"the gateway answers about another one ({trouble}). It stays as it was, and the gateway is asked again."
        change.ask(OperatorTask.Kind.MISMATCH, said, "Another answer that does not fit")


def _mismatch(dispute: Dispute, report: DisputeReport) -> str:
    """Return in what the report is not about our dispute; empty where it is."""
    differs = {
        "reference_mismatch": report.reference != dispute.gateway_reference,
        "charge_mismatch": dispute.charge.gateway_reference not in {"", report.charge},
        "payment_mismatch": report.payment_id not in {"", dispute.payment_id},
        "currency_mismatch": report.currency != dispute.currency,
        "amount_mismatch": report.amount <= 0,
        "mode_mismatch": report.live,
    }
    return next((name for name, is_other in differs.items() if is_other), "")
