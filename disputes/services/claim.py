"""Claims disputes that are due and has their gateways asked how they stand (requirements D5, E1)."""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from disputes.models import Dispute
from disputes.services.heard import DAILY, heard
from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.after_capture import DisputeReport
from payments.reliability import breaker, calls
from payments.reliability.breaker import Board, Pass, Report
from payments.reliability.gateways import capabilities_of
from payments.services.claim import lease
from payments.services.errands import Ask, Write

logger = logging.getLogger(__name__)

# The gateway answers nobody: look again after so long.
_NOBODY_ANSWERS: Final = timedelta(seconds=5)
_CANNOT_BE_ASKED: Final = timedelta(seconds=DAILY)
# As `trouble`: the gateway is not in the settings any more, or answers no questions about disputes.
NO_GATEWAY: Final = "no_gateway"
_FIELDS: Final = ["fence", "due_at", "claimed_until", "trouble"]


@dataclass(frozen=True, slots=True)
class Work:
    """One question to a gateway."""

    dispute: Dispute
    granted: Pass


def anything_due() -> bool:
    """Say cheaply, without any lock, whether a claim would find something."""
    return _due().exists()


def _due() -> "QuerySet[Dispute]":
    return Dispute.objects.filter(due_at__lte=Now())


def claim(because: Because, room: int) -> list[Ask]:
    """Claim up to `room` due disputes; return the calls to make, each of which returns what to write afterwards."""
    if room <= 0:
        return []
    prepared_at = time.monotonic()
    with transaction.atomic():
        # Neither status nor amount changes here, so that the payments' locks are not needed.
        disputes = list(_due().order_by("due_at").select_for_update(skip_locked=True, no_key=True)[:room])
        if not disputes:
            return []
        work = _grant(disputes)
        if __debug__:
            reach("dispute_claim.committing")
    if __debug__:
        reach("dispute_claim.committed")
    return [partial(_ask, item, prepared_at, because) for item in work]


def _grant(disputes: list[Dispute]) -> list[Work]:
    now = database_now()
    board = Board.read(now)
    work = []
    for dispute in disputes:
        capabilities = capabilities_of(dispute.gateway)
        dispute.fence += 1
        dispute.claimed_until = None
        if capabilities is None or not capabilities.disputes:
            dispute.trouble, dispute.due_at = NO_GATEWAY, now + _CANNOT_BE_ASKED
        elif (granted := board.admit(dispute.gateway, "look_up")) is None:
            dispute.due_at = board.next_try(dispute.gateway, "look_up") or now + _NOBODY_ANSWERS
        else:
            dispute.due_at = dispute.claimed_until = now + lease()
            work.append(Work(dispute, granted))
        dispute.save(update_fields=_FIELDS)
    return work


def _ask(work: Work, prepared_at: float, because: Because) -> Write:
    """Run in a thread: ask the gateway. Never touches the database."""
    dispute, granted = work.dispute, work.granted
    try:
        report = calls.look_up_dispute(dispute.gateway, dispute.gateway_reference, prepared_at=prepared_at)
    except Exception:  # the boundary of a thread: nothing is known, and a trial's place is given back
        logger.exception("the look-up of dispute %s raised", dispute.gateway_reference)
        unsent = Report(granted, failed=False, unsent=True)
        return partial(_write, dispute, DisputeReport("unknown", trouble="defect"), unsent, because)
    # Refused credentials do not get better by asking again.
    refused = report.opens_breaker and report.trouble == "credentials_refused"
    told = Report(granted, failed=report.opens_breaker, reason=report.trouble, at_once=refused)
    return partial(_write, dispute, report, told, because)


def _write(dispute: Dispute, report: DisputeReport, told: Report, because: Because) -> None:
    # First, so that a trial is never lost: what could not be written is due again when the lease ends.
    breaker.record([told])
    heard(dispute.pk, report, because, dispute.fence)
