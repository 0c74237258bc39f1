"""The button "Try again": whether the service would do it now, what it would do, and its refusals in words (A3, A7).

The payment's page may not try in order to find out, so the service's rules are asked here in the same order; a test
compares both over every state. The service has the last word.
"""

from typing import Final

from payments.admin.confirm import RefusedError
from payments.audit import Because
from payments.clock import database_now
from payments.declines import decline
from payments.models import Attempt, Payment
from payments.reliability import card_limits
from payments.services.retry_payment import CannotRetryError, is_asked_to_wait, retry
from payments.states import LIVE_OR_SUCCESSFUL, OPEN_OR_SUCCEEDED, AttemptState, PaymentStatus

WORDS: Final = {
    "already_paid": "The order is paid: trying again could only charge it twice.",
    "outcome_open": "A charge is open at a gateway: the customer may be charged or have been charged already.",
    "waiting_for_customer": "The customer is asked to confirm with the bank, and may do so at any moment.",
    "in_review": "The payment is in review: what became of it must be decided first.",
    "needs_another_card": "This card cannot pay it: the customer must use another card, at the checkout.",
    "network_limit": "The card network allows no further try with this card: the customer must use another one.",
    "superseded": "It was tried again before, and that later version has ended without a charge, too. Try that one "
    "again: its page is linked here as “Repeated by”.",
    "goes_on": "It was tried again already: a later version of it goes on.",
    "order_has_live_payment": "Another payment of the same order is under way.",
    "expired_token": "The card's token has expired: the customer must enter the card again, at the checkout.",
    "queued": "The order is accepted, and is charged by itself as soon as a gateway can take it. The queue keeps its "
    "order, so that gateways are not flooded when they come back.",
    "asked_to_wait": "The gateway asked to wait so long. It is tried by itself after that.",
    "due": "It is due now: a worker takes it up as soon as one is free.",
}
_BLOCKED: Final = {
    PaymentStatus.SUCCESS: "already_paid",
    PaymentStatus.REQUIRES_ACTION: "waiting_for_customer",
    PaymentStatus.REVIEW: "in_review",
}


def will(payment: Payment) -> str:
    """Return what trying again does to `payment` now."""
    if payment.status in LIVE_OR_SUCCESSFUL:
        return (
            "The next try, which is planned already, is brought forward to now. It is charged as before, with the same "
            "card, and at most once."
        )
    return (
        f"A new version of the payment is made (version {payment.version + 1}), with the same card, order and amount. "
        "It goes the way of every payment, from level 1 of the ladder. Nothing of this version was charged; the new "
        "one is charged at most once. The customer is not asked."
    )


def why_not(payment: Payment, attempts: list[Attempt]) -> str:
    """Return in words why the payment cannot be tried again now; empty where it can."""
    code = code_of(payment, attempts)
    return WORDS[code] if code else ""


def code_of(payment: Payment, attempts: list[Attempt]) -> str:
    """Return the service's code, or one of ours where the service would leave everything as it is."""
    later = Payment.objects.filter(retry_of=payment.pk).first()
    if later is not None:
        return "goes_on" if later.status in LIVE_OR_SUCCESSFUL else "superseded"
    if payment.status in _BLOCKED:
        return _BLOCKED[PaymentStatus(payment.status)]
    if any(attempt.state in OPEN_OR_SUCCEEDED for attempt in attempts):
        return "outcome_open"
    if payment.status in LIVE_OR_SUCCESSFUL:
        return _code_of_waiting(payment)
    others = Payment.objects.filter(order_id=payment.order_id, status__in=LIVE_OR_SUCCESSFUL)
    standing = others.exclude(pk=payment.pk).values_list("status", flat=True).first()
    if standing is not None:
        return "already_paid" if standing == PaymentStatus.SUCCESS else "order_has_live_payment"
    return _code_of_card(attempts)


def _code_of_waiting(payment: Payment) -> str:
    now = database_now()
    if payment.queued_at is not None:
        return "queued"
    if payment.due_at is None or payment.due_at <= now:
        return "due"
    return "asked_to_wait" if is_asked_to_wait(payment) else ""


def _code_of_card(attempts: list[Attempt]) -> str:
    last = attempts[-1] if attempts else None
    if last is None or last.state != AttemptState.DECLINED:
        return ""
    if last.never_again or card_limits.is_used_up(last, database_now()):
        return "network_limit"
    return "" if decline(last.decline_code, last.gateway).retryable else "needs_another_card"


def act(payment_id: str, because: Because, reason: str) -> tuple[str, Payment]:
    """Try again; return what to tell the operator, and the payment that goes on. Raises RefusedError."""
    try:
        found = retry(payment_id, because, reason=reason)
    except CannotRetryError as error:
        other = f" See payment {error.payment_id}." if error.payment_id else ""
        raise RefusedError(f"{WORDS.get(error.code, error.code)}{other} Nothing was changed.") from None
    if found.pk == payment_id:
        return "It is tried again as soon as a worker is free. Reload the page to see the outcome.", found
    return f"Version {found.version} was made and is charged as soon as a worker is free. This is its page.", found
