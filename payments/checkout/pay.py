"""Asks for a payment of a session's order: once per submission, however often the button is pressed (A5, A8, A9)."""

from typing import Final

from django.db import transaction

from payments import idempotency
from payments.audit import Because
from payments.checkout import sessions
from payments.models import CheckoutSession, Order
from payments.services.accept import KeyReusedError, OrderConflictError, PayRequest, accept

# Characters of the token that the audit trail may keep: enough to find the session, too few to open its page.
_TOKEN_PREFIX: Final = 12


def submit(session: CheckoutSession, submission: int, card_token: str) -> None:
    """Ask for the payment of `submission` with the card behind `card_token`.

    Whatever was asked for before stands: a second post, another tab, or an old form sent again change nothing, and
    the status page tells what is. The caller has checked that the session has not expired.
    """
    if not _is_due(session.pk, submission):
        return
    request = _request(session, submission, card_token)
    because = Because(actor=f"client:{session.client_id}", cause=f"checkout:{session.token[:_TOKEN_PREFIX]}")
    try:
        accept(request, because)
    except (KeyReusedError, OrderConflictError):
        # Another tab was faster, with another card or through another page: that payment stands.
        return


def _is_due(token: str, submission: int) -> bool:
    """Say under the session's lock whether `submission` is the one that may be asked for now, and note that it is."""
    with transaction.atomic():
        session = CheckoutSession.objects.select_for_update().get(pk=token)
        payments = sessions.payments_of(Order(pk=session.order_id))
        if sessions.stands_in_the_way(sessions.shown(payments)):
            return False
        if submission != sessions.next_submission(session, payments):
            return False
        if submission != session.submission:
            session.submission = submission
            session.save(update_fields=["submission"])
    return True


def _request(session: CheckoutSession, submission: int, card_token: str) -> PayRequest:
    order = session.order
    key = sessions.idempotency_key(session, submission)
    metadata = {"orderID": order.reference}
    if order.customer_reference:
        metadata["customerID"] = order.customer_reference
    canonical = {
        "amount": order.amount,
        "currency": order.currency,
        "type": "card",
        "token": card_token,
        "metadata": metadata,
        # Never equal to a request by another way: such a payment is shown, not joined.
        "checkout": key,
    }
    return PayRequest(
        client_id=session.client_id,
        key=key,
        request_hash=idempotency.request_hash(canonical),
        amount=order.amount,
        currency=order.currency,
        method_type="card",
        method_token=card_token,
        metadata=metadata,
        order_reference=order.reference,
        customer_reference=order.customer_reference,
    )
