"""Reads every gateway's own list of refunds once a minute and compares it with ours (requirements D6, E1).

Nothing else shows a refund that people made at the gateway's dashboard, one that the gateway made twice, or one whose
event was lost. What is found of ours goes through the one door (heard.py); what we did not make is taken in
(imported.py). The same for refunds as payments/services/watch.py for charges.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.after_capture import ListedRefund, RefundListing
from payments.reliability import breaker, calls
from payments.reliability.breaker import Board, Pass, Report
from payments.reliability.gateways import capabilities_of
from payments.services.claim import lease
from payments.services.errands import Ask, Write
from refunds.models import RefundWatch
from refunds.services.compare import compare
from refunds.services.hand_over import LET_GO, hand_over

# Seconds between two readings of one gateway. An event about a refund that we do not know makes it due at once.
EVERY: Final = 60
# The same where the last reading failed: it is made good soon.
AGAIN: Final = 10
# Seconds before its first reading from which a gateway's refunds are compared.
START_BACK: Final = 3600
# Seconds of the gateway's time that are read again, for refunds that appear in the list a little late.
OVERLAP: Final = 5
# Seconds of the gateway's time for which a refund is read again that cannot be judged or stored yet.
PATIENCE: Final = 7 * 24 * 3600
# Newer refunds that are read again with it, at most: a busy gateway's list would grow until it cannot be read whole.
HELD: Final = 2_000
# Seconds for which it is read again however busy the gateway: the lease of whoever is asking about it ends sooner.
SURELY: Final = 300


def begin_watching() -> None:
    """Make sure that every gateway that refunds is watched, from a minute after the first settle loop on."""
    for gateway in _watched():
        first = database_now() + timedelta(seconds=EVERY)
        RefundWatch.objects.get_or_create(gateway=gateway, defaults={"due_at": first})


def anything_due() -> bool:
    """Say whether a gateway's list of refunds is to be read now."""
    return _due().exists()


def _due() -> "QuerySet[RefundWatch]":
    return RefundWatch.objects.filter(due_at__lte=Now(), gateway__in=_watched())


def _watched() -> list[str]:
    """Return the gateways of the settings that take refunds from here; what takes none lists none that we can read."""
    names = [options["name"] for options in settings.GATEWAYS]
    return [name for name in names if (found := capabilities_of(name)) is not None and found.refunds]


def claim(because: Because, room: int) -> list[Ask]:
    """Claim the gateways whose list is due; return the calls to make, each of which returns what to write after it."""
    if room <= 0:
        return []
    prepared_at = time.monotonic()
    with transaction.atomic():
        watches = list(_due().order_by("pk").select_for_update(skip_locked=True, no_key=True)[:room])
        if not watches:
            return []
        asked_at = database_now()
        granted = _grant(watches, asked_at)
        if __debug__:
            reach("refund_watch.claiming")
    if __debug__:
        reach("refund_watch.claimed")
    return [
        partial(_ask, watch, granted[watch.gateway], prepared_at, because, asked_at)
        for watch in watches
        if watch.gateway in granted
    ]


def _grant(watches: Iterable[RefundWatch], now: datetime) -> dict[str, Pass]:
    """Write down that these are being read, where the breakers allow it; return leave by gateway."""
    board = Board.read(now)
    granted = {}
    for watch in watches:
        leave = board.admit(watch.gateway, "list")
        if leave is None:
            watch.due_at = board.next_try(watch.gateway, "list") or now + timedelta(seconds=EVERY)
        else:
            granted[watch.gateway] = leave
            watch.fence += 1
            watch.due_at = watch.claimed_until = now + lease()
            if watch.seen_until is None:
                watch.seen_until = int(now.timestamp()) - START_BACK
        watch.save(update_fields=["fence", "due_at", "claimed_until", "seen_until"])
    return granted


def _ask(watch: RefundWatch, granted: Pass, prepared_at: float, because: Because, asked_at: datetime) -> Write:
    since = None if watch.seen_until is None else watch.seen_until - OVERLAP
    listing = calls.refunds_since(watch.gateway, since, prepared_at=prepared_at)
    trouble = listing.trouble
    # Asked too often, a gateway works; refused credentials do not get better by asking again.
    failed, refused = bool(trouble) and trouble != "status_429", trouble in {"status_401", "status_403"}
    report = Report(granted, failed=failed, reason=trouble, at_once=refused)
    return partial(_heard, watch, listing, report, because, asked_at)


def _heard(watch: RefundWatch, listing: RefundListing, report: Report, because: Because, asked_at: datetime) -> None:
    # First, so that a trial is never lost: what could not be compared is read again.
    breaker.record([report])
    heard(watch, listing, because, asked_at)


def heard(watch: RefundWatch, listing: RefundListing, because: Because, asked_at: datetime) -> None:
    """Compare `listing` with our own refunds, and remember how far it was compared. Safe to call again with the same.

    asked_at: the database's time before it was read.
    A worker that dies on the way leaves a list that is read again when the lease ends.
    """
    seen_until = watch.seen_until
    if not listing.trouble:
        waits = compare(watch.gateway, listing.refunds, because, asked_at)
        seen_until = _seen_until(listing.refunds, waits, watch.seen_until)
        # First, so that none is dropped in silence; whoever dies after it asks the same again, which is asked once.
        for listed in waits:
            if seen_until is not None and listed.created < seen_until - OVERLAP:
                hand_over(watch.gateway, listed, LET_GO)
    if __debug__:
        reach("refund_watch.compared")
    now = database_now()
    # Whoever took over meanwhile compares for itself.
    RefundWatch.objects.filter(pk=watch.gateway, fence=watch.fence).update(
        seen_until=seen_until,
        due_at=now + timedelta(seconds=AGAIN if listing.trouble else EVERY),
        claimed_until=None,
        trouble=listing.trouble[:64],
        **({} if listing.trouble else {"answered_at": now}),
    )
    if __debug__:
        reach("refund_watch.committed")


def _seen_until(refunds: Sequence[ListedRefund], waits: Iterable[ListedRefund], before: int | None) -> int | None:
    """Return the gateway's time up to which everything is compared, of `refunds`, newest first: never past one that
    waits, for a week and so many newer ones at most."""
    newest = max((refund.created for refund in refunds), default=before)
    if newest is None:
        return None
    oldest_waiting = min((refund.created for refund in waits), default=newest)
    furthest = min(refunds[HELD].created, newest - SURELY) if len(refunds) > HELD else 0
    return max(oldest_waiting, newest - PATIENCE, furthest, before or 0)
