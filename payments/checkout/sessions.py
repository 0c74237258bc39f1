"""Opens checkout sessions, and says which payment a session shows and which submission comes next.

The order's payments are the truth. A session only remembers how often a payment was asked for, which makes the
idempotency key of the next one; so two tabs, a second session and a payment by API all see the same.
"""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db import transaction

from payments import events
from payments.checkout.forms import OrderForm
from payments.clock import database_now
from payments.idempotency import CHECKOUT_KEY
from payments.models import CheckoutSession, Order, Payment
from payments.states import LIVE_OR_SUCCESSFUL

SESSION_LIFE: Final = timedelta(hours=48)


class OtherAmountError(Exception):
    """The order exists with another amount or currency, which never change (requirement A7). Nothing was written."""


def open_session(form: OrderForm, browser_language: str = "") -> CheckoutSession:
    """Return the checkout session of the form's order; the same form twice leads to the same order and session.

    browser_language: of messages to the customer where the shop named none.
    """
    with transaction.atomic():
        order = _locked_order(form, browser_language)
        if (order.amount, order.currency) != (form.amount, form.currency):
            raise OtherAmountError
        now = database_now()
        sessions = CheckoutSession.objects.filter(order=order, return_url=form.return_url, expires_at__gt=now)
        session = sessions.order_by("-created_at").first()
        expires_at = now + SESSION_LIFE
        if session is None:
            session = CheckoutSession.objects.create(
                client=form.client, order=order, return_url=form.return_url, expires_at=expires_at, created_at=now
            )
            events.of_checkout(session, "checkout.created", now).save(force_insert=True)
            return session
        session.expires_at, session.ended_at = expires_at, None
        session.save(update_fields=["expires_at", "ended_at"])
        return session


def _locked_order(form: OrderForm, browser_language: str) -> Order:
    """Return the order under its row lock, made now if it is new."""
    order = Order(
        client=form.client,
        reference=form.reference,
        amount=form.amount,
        currency=form.currency,
        customer_reference=form.customer_reference,
        customer_email=form.customer_email,
        customer_name=form.customer_name,
        customer_phone=form.customer_phone,
        customer_language=form.customer_language or browser_language,
        lines=form.lines,
    )
    Order.objects.bulk_create([order], ignore_conflicts=True)
    return Order.objects.select_for_update().get(client=form.client, reference=form.reference)


def find(token: str) -> CheckoutSession | None:
    """Return the session of `token` with its shop and order, expired or not."""
    return CheckoutSession.objects.select_related("client", "order").filter(pk=token).first()


def newest_of(order_id: str) -> CheckoutSession | None:
    """Return the session to which a customer who paid the order comes back; None where it was paid by API."""
    return CheckoutSession.objects.filter(order_id=order_id).order_by("-created_at").first()


def is_expired(session: CheckoutSession) -> bool:
    return session.expires_at <= database_now()


def payments_of(order: Order) -> list[Payment]:
    """Return all payments of `order`, newest first."""
    return list(Payment.objects.filter(order=order).order_by("-created_at", "-id"))


def shown(payments: Iterable[Payment]) -> Payment | None:
    """Return the payment that the customer is told about: the live or successful one, else the newest."""
    payments = list(payments)
    standing = (payment for payment in payments if payment.status in LIVE_OR_SUCCESSFUL)
    return next(standing, payments[0] if payments else None)


def stands_in_the_way(payment: Payment | None) -> bool:
    """Say whether nothing more may be asked for, because this payment is live or has succeeded."""
    return payment is not None and payment.status in LIVE_OR_SUCCESSFUL


def idempotency_key(session: CheckoutSession, submission: int) -> str:
    """Return the key of one submission: the same for every re-send of it (A7), and telling nothing of the token."""
    return f"{CHECKOUT_KEY}{hashlib.sha256(session.token.encode()).hexdigest()[:32]}-v{submission}"


def next_submission(session: CheckoutSession, payments: Iterable[Payment]) -> int:
    """Return the number of the next submission: one more where a payment was already asked for under this one."""
    key = idempotency_key(session, session.submission)
    used = any(payment.idempotency_key == key for payment in payments)
    return session.submission + 1 if used else session.submission
