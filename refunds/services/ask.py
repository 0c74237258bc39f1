"""Makes the calls of claimed refunds, in threads that never touch the database."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from payments.audit import Because
from payments.gateways.after_capture import RefundLookUpRequest, RefundRequest
from payments.gateways.base import Kind, Outcome
from payments.models import Attempt
from payments.reliability import breaker, calls
from payments.reliability.breaker import Report
from payments.services.errands import Together, Write
from refunds.models import Refund
from refunds.services.heard import Heard, heard_all

if TYPE_CHECKING:
    from refunds.services.claim import Work

logger = logging.getLogger(__name__)


def ask(work: "Work", prepared_at: float, because: Because) -> Write:
    """Ask the gateway; return what writes down what it says."""
    reports: list[Report] = []
    try:
        outcome, looked, sent = _call(work, prepared_at, reports)
    except Exception:  # the boundary of a thread: whatever a defect raises, the outcome is unknown
        logger.exception("the call for %s raised", work.refund.pk)
        outcome, looked, sent = Outcome(Kind.UNKNOWN, "defect"), False, False
    # Leave that was not needed: a trial's place goes to another.
    reports += [Report(granted, failed=False, unsent=True) for granted in work.granted.values()]
    attempt_id = work.attempt.pk if work.attempt is not None else None
    news = Heard(work.refund.pk, attempt_id, outcome, because, looked, sent, work.fence, work.asked_at)
    return Together((news, reports), _write_all)


def _write_all(told: Sequence[tuple[Heard, list[Report]]]) -> None:
    # First, so that a trial is never lost: what could not be written is due again when the lease ends.
    breaker.record([report for _, reports in told for report in reports])
    heard_all([news for news, _ in told])


def _call(work: "Work", prepared_at: float, reports: list[Report]) -> tuple[Outcome, bool, bool]:
    """Return what the gateway says, whether it was looked up, and whether the refund was sent."""
    refund = work.refund
    request = _request(refund, refund.charge)
    if "look_up" not in work.granted:
        outcome = calls.refund(refund.gateway, request, prepared_at=prepared_at)
        return _reported(work, "refund", outcome, reports), False, True
    look_up = _look_up(work, refund.charge)
    found = _reported(work, "look_up", calls.look_up_refund(refund.gateway, look_up, prepared_at=prepared_at), reports)
    if found.kind is not Kind.NOT_FOUND or "refund" not in work.granted:
        return found, True, False
    # The gateway does not know the key: sending it again is what was asked for, and cannot refund twice.
    outcome = calls.refund(refund.gateway, request, prepared_at=prepared_at, again=True)
    return _reported(work, "refund", outcome, reports), True, True


def _reported(work: "Work", operation: str, outcome: Outcome, reports: list[Report]) -> Outcome:
    """Note how a call ended, for the circuit breaker; return what it brought."""
    reports.append(calls.report(work.granted.pop(operation), outcome))
    return outcome


def _request(refund: Refund, charge: Attempt) -> RefundRequest:
    return RefundRequest(
        key=refund.pk,
        charge=charge.gateway_reference,
        payment_id=refund.payment_id,
        amount=refund.amount,
        currency=refund.currency,
        ends_at=0.0,
        reason=refund.reason,
    )


def _look_up(work: "Work", charge: Attempt) -> RefundLookUpRequest:
    refund = work.refund
    return RefundLookUpRequest(
        key="" if refund.is_external else refund.pk,
        charge=charge.gateway_reference,
        payment_id=refund.payment_id,
        amount=refund.amount,
        currency=refund.currency,
        ends_at=0.0,
        reference=refund.gateway_reference or (work.attempt.gateway_reference if work.attempt is not None else ""),
    )
