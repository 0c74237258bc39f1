"""The one way out to gateways: nothing calls an adapter but this file.

It holds two promises: no database transaction is open during a call (invariant 26), and no money request leaves after
its time, so that a worker that was paused beyond its lease cannot send what another has taken over (invariant 27).
"""

import time
from dataclasses import replace
from typing import Final

from django.conf import settings
from django.db import connection

from payments.crash_points import reach
from payments.gateways.after_capture import (
    DisputeReport,
    DisputeRequest,
    RefundListing,
    RefundLookUpRequest,
    RefundRequest,
)
from payments.gateways.base import ChargeRequest, Kind, Listing, LookUpRequest, Outcome, VoidRequest
from payments.models import Attempt, SurplusCharge
from payments.reliability.circuit_rules import Pass, Report
from payments.reliability.gateways import gateway_named

# Seconds between claiming a payment and the first byte of its charge. Whoever is slower sends nothing.
SEND_WITHIN: Final = 10.0
# Seconds within which a gateway must answer its health call.
HEALTHY_WITHIN: Final = 5.0
PAUSED: Final = "paused_before_sending"


def budget() -> float:
    """Return the seconds after a claim in which all its calls are over, look-up and sending again together."""
    return SEND_WITHIN + float(settings.GATEWAY_DEADLINE)


class OpenTransactionError(RuntimeError):
    """A gateway was about to be called inside a database transaction: a defect, stopped before anything was sent."""


def require_no_transaction() -> None:
    """Raise OpenTransactionError where this thread has a transaction open.

    Asked by the thread that hands calls out, whose connection it is about, and again where a call is made.
    """
    if connection.in_atomic_block:
        raise OpenTransactionError("A gateway may not be called while a database transaction is open.")


def charge(attempt: Attempt, *, prepared_at: float, return_url: str) -> Outcome:
    """Send `attempt`, which is committed as sent. `prepared_at` is the monotonic time before its claim, in seconds."""
    require_no_transaction()
    if time.monotonic() - prepared_at > SEND_WITHIN:
        return Outcome(Kind.NOT_SENT, PAUSED)
    if __debug__:
        reach("send.begin")
    outcome = _send(attempt, prepared_at, return_url)
    if __debug__:
        reach("send.answered")
    return outcome


def send_again(attempt: Attempt, *, prepared_at: float, return_url: str) -> Outcome:
    """Send `attempt` once more under its own key, after a look-up that took its time; committed as sent once more."""
    require_no_transaction()
    if __debug__:
        reach("resend.begin")
    outcome = _send(attempt, prepared_at, return_url)
    if __debug__:
        reach("resend.answered")
    return outcome


def look_up(attempt: Attempt, *, prepared_at: float) -> Outcome:
    """Ask what became of `attempt`."""
    require_no_transaction()
    request = LookUpRequest(
        key=attempt.gateway_key,
        payment_id=attempt.payment_id,
        amount=attempt.amount,
        currency=attempt.currency,
        ends_at=_ends_at(prepared_at),
        reference=attempt.gateway_reference,
    )
    if __debug__:
        reach("look.begin")
    outcome = gateway_named(attempt.gateway).look_up(request)
    if __debug__:
        reach("look.answered")
    return outcome


def void(charge: Attempt | SurplusCharge, *, prepared_at: float) -> Outcome:
    """Undo `charge`, whose reference at the gateway is known."""
    require_no_transaction()
    request = VoidRequest(
        reference=charge.gateway_reference,
        payment_id=charge.payment_id,
        amount=charge.amount,
        currency=charge.currency,
        ends_at=_ends_at(prepared_at),
    )
    step = "void" if isinstance(charge, Attempt) else "give_back"
    if __debug__:
        reach(f"{step}.begin")
    outcome = gateway_named(charge.gateway).void(request)
    if __debug__:
        reach(f"{step}.answered")
    return outcome


def refund(gateway: str, request: RefundRequest, *, prepared_at: float, again: bool = False) -> Outcome:
    """Send a refund whose attempt is committed as sent; `request.ends_at` is set here.

    again: after a look-up that took its time, under the same key. Raises OpenTransactionError.
    """
    require_no_transaction()
    if not again and time.monotonic() - prepared_at > SEND_WITHIN:
        return Outcome(Kind.NOT_SENT, PAUSED)
    if __debug__:
        reach("refund_resend.begin" if again else "refund_send.begin")
    outcome = gateway_named(gateway).refund(replace(request, ends_at=_ends_at(prepared_at)))
    if __debug__:
        reach("refund_resend.answered" if again else "refund_send.answered")
    return outcome


def look_up_refund(gateway: str, request: RefundLookUpRequest, *, prepared_at: float) -> Outcome:
    """Ask what became of a refund; `request.ends_at` is set here."""
    require_no_transaction()
    if __debug__:
        reach("refund_look.begin")
    outcome = gateway_named(gateway).look_up_refund(replace(request, ends_at=_ends_at(prepared_at)))
    if __debug__:
        reach("refund_look.answered")
    return outcome


def refunds_since(gateway: str, created: int | None, *, prepared_at: float) -> RefundListing:
    """Read the list of what `gateway` refunded at or after `created` (its time, seconds since 1970)."""
    require_no_transaction()
    if __debug__:
        reach("refund_watch.begin")
    listing = gateway_named(gateway).refunds_since(created, _ends_at(prepared_at))
    if __debug__:
        reach("refund_watch.answered")
    return listing


def look_up_dispute(gateway: str, reference: str, *, prepared_at: float) -> DisputeReport:
    """Ask how the dispute with the gateway's own id `reference` stands."""
    require_no_transaction()
    if __debug__:
        reach("dispute_look.begin")
    report = gateway_named(gateway).look_up_dispute(DisputeRequest(reference, _ends_at(prepared_at)))
    if __debug__:
        reach("dispute_look.answered")
    return report


def charges_since(gateway: str, created: int | None, *, prepared_at: float) -> Listing:
    """Read the list of what `gateway` charged at or after `created` (its time, seconds since 1970)."""
    require_no_transaction()
    if __debug__:
        reach("watch.begin")
    listing = gateway_named(gateway).charges_since(created, _ends_at(prepared_at))
    if __debug__:
        reach("watch.answered")
    return listing


def healthy(gateway: str) -> bool:
    """Say whether `gateway` answers its own health call within a few seconds (requirement B9)."""
    require_no_transaction()
    return gateway_named(gateway).healthy(min(HEALTHY_WITHIN, float(settings.GATEWAY_DEADLINE)))


def report(granted: Pass, outcome: Outcome) -> Report:
    """Return what the circuit breaker is to know of a call that was granted and ended with `outcome`."""
    # Refused credentials do not get better by asking again.
    at_once = outcome.opens_breaker and outcome.http_status in {401, 403}
    unsent = outcome.reason == PAUSED
    return Report(granted, failed=outcome.opens_breaker, reason=outcome.reason, at_once=at_once, unsent=unsent)


def _send(attempt: Attempt, prepared_at: float, return_url: str) -> Outcome:
    request = ChargeRequest(
        key=attempt.gateway_key,
        payment_id=attempt.payment_id,
        amount=attempt.amount,
        currency=attempt.currency,
        token=attempt.token,
        ends_at=_ends_at(prepared_at),
        return_url=return_url,
        request_three_d_secure=attempt.three_d_secure,
    )
    return gateway_named(attempt.gateway).charge(request)


def _ends_at(prepared_at: float) -> float:
    """Return the end of a call that starts now: its own deadline, or earlier where the claim's time is over."""
    return min(time.monotonic() + settings.GATEWAY_DEADLINE, prepared_at + budget())
