"""Reads every gateway's own list of charges every few seconds and compares it with ours.

Nothing else shows a charge that a gateway made twice under one key, or late, after it had said that there is none: we
do not ask about what we believe settled. Whatever is found goes through the one door (payments/services/apply.py).
"""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.base import Kind, Listed, Listing, Outcome
from payments.models import Attempt, GatewayWatch, SurplusCharge
from payments.reliability import breaker, calls
from payments.reliability.breaker import Board, Pass, Report
from payments.reliability.gateways import capabilities_of
from payments.services.apply import apply
from payments.services.book import Heard
from payments.services.claim import lease
from payments.states import AttemptState

Write = Callable[[], None]
Ask = Callable[[], Write]

# Seconds between two readings of one gateway: a charge taken without right is seen within a minute of its making.
EVERY: Final = 10
# The same where the last reading failed: it is made good soon.
AGAIN: Final = 3
# Seconds before its first reading from which a gateway's charges are compared.
START_BACK: Final = 3600
# Seconds of the gateway's time that are read again, for charges that appear in the list a little late.
OVERLAP: Final = 5
# Seconds of the gateway's time after which a charge is not waited for any more whose own answer is still under way.
PATIENCE: Final = 120
_AT_ONCE: Final = 500


def begin_watching() -> None:
    """Make sure that every gateway which can list its charges is watched."""
    for options in settings.GATEWAYS:
        capabilities = capabilities_of(options["name"])
        if capabilities is not None and capabilities.lists:
            GatewayWatch.objects.get_or_create(gateway=options["name"], defaults={"due_at": database_now()})


def anything_due() -> bool:
    """Say whether a gateway's list is to be read now."""
    return _due().exists()


def _due() -> "QuerySet[GatewayWatch]":
    # A gateway that is no longer in the settings cannot be asked.
    names = [options["name"] for options in settings.GATEWAYS]
    return GatewayWatch.objects.filter(due_at__lte=Now(), gateway__in=names)


def claim(because: Because) -> list[Ask]:
    """Claim the gateways whose list is due; return the calls to make, each of which returns what to write after it."""
    prepared_at = time.monotonic()
    with transaction.atomic():
        due = _due().order_by("pk")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, no_key=True)
        watches = list(due)
        now = database_now()
        until = now + lease()
        board = Board.read(now)
        granted = {}
        for watch in watches:
            leave = board.admit(watch.gateway, "list")
            if leave is None:
                watch.due_at = board.next_try(watch.gateway, "list") or now + timedelta(seconds=EVERY)
                watch.save(update_fields=["due_at"])
                continue
            granted[watch.gateway] = leave
            if watch.seen_until is None:
                watch.seen_until = int(now.timestamp()) - START_BACK
            watch.fence += 1
            watch.due_at = watch.claimed_until = until
            watch.save(update_fields=["fence", "due_at", "claimed_until", "seen_until"])
    return [
        partial(_ask, watch, granted[watch.gateway], prepared_at, because)
        for watch in watches
        if watch.gateway in granted
    ]


def _ask(watch: GatewayWatch, granted: Pass, prepared_at: float, because: Because) -> Write:
    since = None if watch.seen_until is None else watch.seen_until - OVERLAP
    listing = calls.charges_since(watch.gateway, since, prepared_at=prepared_at)
    return partial(_heard, watch, listing, _report(granted, listing.trouble), because)


def _report(granted: Pass, trouble: str) -> Report:
    # Asked too often, a gateway works; refused credentials do not get better by asking again.
    failed, refused = bool(trouble) and trouble != "status_429", trouble in {"status_401", "status_403"}
    return Report(granted, failed=failed, reason=trouble, at_once=refused)


def _heard(watch: GatewayWatch, listing: Listing, report: Report, because: Because) -> None:
    # First, so that a trial is never lost: what could not be compared is read again.
    breaker.record([report])
    heard(watch, listing, because)


def heard(watch: GatewayWatch, listing: Listing, because: Because) -> None:
    """Compare `listing` with our own attempts, and remember how far it was compared."""
    seen_until = watch.seen_until
    if not listing.trouble:
        waits = compare(watch.gateway, listing.charges, because)
        seen_until = _seen_until(listing.charges, waits, watch.seen_until)
    now = database_now()
    # Whoever took over meanwhile compares for itself.
    GatewayWatch.objects.filter(pk=watch.gateway, fence=watch.fence).update(
        seen_until=seen_until,
        due_at=now + timedelta(seconds=AGAIN if listing.trouble else EVERY),
        claimed_until=None,
        trouble=listing.trouble[:64],
        **({} if listing.trouble else {"answered_at": now}),
    )
    if __debug__:
        reach("watch.committed")


def compare(gateway: str, charges: Iterable[Listed], because: Because) -> list[Listed]:
    """Apply what `charges` tell that we do not know; return those whose own answer is still under way."""
    taken = [charge for charge in charges if (charge.taken or charge.waits) and not charge.live and charge.reference]
    waits: list[Listed] = []
    for start in range(0, len(taken), _AT_ONCE):
        waits += _compare(gateway, taken[start : start + _AT_ONCE], because)
    return waits


def _compare(gateway: str, charges: list[Listed], because: Because) -> list[Listed]:
    references = [charge.reference for charge in charges]
    of_gateway = {"gateway": gateway, "gateway_reference__in": references}
    known = {
        *Attempt.objects.filter(**of_gateway, state=AttemptState.SUCCEEDED).values_list("gateway_reference", flat=True),
        *SurplusCharge.objects.filter(**of_gateway).values_list("gateway_reference", flat=True),
    }
    strange = [charge for charge in charges if charge.reference not in known]
    attempts = {
        attempt.gateway_key: attempt
        for attempt in Attempt.objects.filter(gateway=gateway, gateway_key__in=[charge.key for charge in strange])
    }
    waits, news = [], []
    for charge in strange:
        attempt = attempts.get(charge.key)
        if attempt is None or attempt.payment_id != charge.payment_id:
            # Not made by us: another system may use the same account.
            continue
        if attempt.gateway_reference == charge.reference and not charge.taken:
            # The customer's turn, as we know; its look-ups go on.
            continue
        if attempt.state == AttemptState.SENT or (charge.waits and attempt.is_open and not attempt.gateway_reference):
            waits.append(charge)
        elif (attempt.amount, attempt.currency) == (charge.amount, charge.currency):
            kind = Kind.SUCCEEDED if charge.taken else Kind.ACTION_REQUIRED
            outcome = Outcome(kind, "listed", reference=charge.reference)
            news.append(Heard(attempt.pk, attempt.payment_id, outcome, because, sent=False))
    apply(news)
    return waits


def _seen_until(charges: Iterable[Listed], waits: list[Listed], before: int | None) -> int | None:
    """Return the gateway's time up to which everything is compared."""
    newest = max((charge.created for charge in charges), default=before)
    if newest is None:
        return None
    oldest_waiting = min((charge.created for charge in waits), default=newest)
    return max(oldest_waiting, newest - PATIENCE, before or 0)
