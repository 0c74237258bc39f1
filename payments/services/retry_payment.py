"""Tries a payment again because somebody asks for it: does the safe thing, or says why not (requirement A3).

Nothing is sent from here, and no back-off is owned: a payment that is being tried anyway is at most brought forward,
and one that has ended gets a new version of itself (A7), which goes the way of every payment.
"""

from datetime import timedelta
from typing import Final

from django.db import IntegrityError, transaction

from payments import audit, idempotency
from payments.audit import Because
from payments.bulk import update_each
from payments.clock import database_now
from payments.crash_points import reach
from payments.declines import decline
from payments.ids import new_payment_id
from payments.models import Attempt, Order, Payment
from payments.reliability import card_limits
from payments.services import insert, wake
from payments.services.accept import PayRequest
from payments.services.apply import PAYMENT_FIELDS
from payments.services.book import Book
from payments.services.go_on import policy
from payments.states import LIVE_OR_SUCCESSFUL, OPEN_OR_SUCCEEDED, AttemptState, PaymentStatus

Method = tuple[str, str]
_LONGEST_KEY: Final = 245
_BLOCKED: Final = {
    PaymentStatus.SUCCESS: "already_paid",
    PaymentStatus.REQUIRES_ACTION: "waiting_for_customer",
    PaymentStatus.REVIEW: "in_review",
}


class CannotRetryError(Exception):
    """The payment cannot be tried again; `code` says why, `payment_id` which payment stands in the way, if another.

    Nothing was changed.
    """

    def __init__(self, code: str, payment_id: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.payment_id = payment_id


def retry(payment_id: str, because: Because, *, method: Method | None = None, reason: str = "") -> Payment:
    """Try the payment again, with the card token `method` (type, token) where given; return the one that goes on.

    That is the payment itself while it is being tried, else its new version. Asked twice, the answer is the same.
    Raises CannotRetryError (`already_paid`, `outcome_open`, `waiting_for_customer`, `in_review`, `needs_another_card`,
    `network_limit`, `superseded`, `order_has_live_payment`) and Payment.DoesNotExist.
    """
    try:
        going_on = _under_locks(payment_id, because, method, reason)
    except IntegrityError:
        # Money for an older payment of the order arrived at the same moment: now it can be seen, and is the answer.
        going_on = _under_locks(payment_id, because, method, reason)
    found = Payment.objects.select_related("order").get(pk=going_on)
    if __debug__:
        reach("retry.committed")
    wake.wake_if_idle()
    return found


def _under_locks(payment_id: str, because: Because, method: Method | None, reason: str) -> str:
    with transaction.atomic():
        order_id = Payment.objects.values_list("order_id", flat=True).get(pk=payment_id)
        # The order first, as whoever accepts a payment does.
        Order.objects.select_for_update().get(pk=order_id)
        payments = Payment.objects.select_for_update(no_key=True, of=("self",)).select_related("order")
        payment = payments.get(pk=payment_id)
        going_on = _going_on(payment, because, method, reason)
        if __debug__:
            reach("retry.committing")
        return going_on


def is_asked_to_wait(payment: Payment) -> bool:
    """Say whether the wait is longer than our back-off ever is after so many tries: then a gateway asked for it."""
    if payment.due_at is None or payment.error_at is None:
        return False
    longest = policy().backoff.delay(min(max(payment.retry_count - 1, 0), 10), lambda: 1.0)
    return payment.due_at - payment.error_at > timedelta(seconds=longest)


def _going_on(payment: Payment, because: Because, method: Method | None, reason: str) -> str:
    """Return the id of the payment that goes on."""
    is_same = method is None or method == (payment.method_type, payment.method_token)
    later = Payment.objects.filter(retry_of=payment.pk).first()
    if later is not None:
        is_later = method is None or method == (later.method_type, later.method_token)
        if not is_later or later.status not in LIVE_OR_SUCCESSFUL:
            # One order may only be asked for again by its newest payment: a call that is repeated charges nothing anew.
            raise CannotRetryError("superseded", later.pk)
        return later.pk
    _refuse_blocked(payment)
    if payment.status in LIVE_OR_SUCCESSFUL and is_same:
        _bring_forward(payment, because, reason)
        return payment.pk
    _refuse_declined_card(payment, payment.method_token if method is None else method[1])
    if payment.status in LIVE_OR_SUCCESSFUL:
        _call_off(payment, because)
    return _new_version(payment, because, method, reason)


def _refuse_blocked(payment: Payment) -> None:
    if payment.status in _BLOCKED:
        raise CannotRetryError(_BLOCKED[PaymentStatus(payment.status)])
    if Attempt.objects.filter(payment=payment, state__in=OPEN_OR_SUCCEEDED).exists():
        raise CannotRetryError("outcome_open")
    others = Payment.objects.filter(order_id=payment.order_id, status__in=LIVE_OR_SUCCESSFUL).exclude(pk=payment.pk)
    standing = others.first()
    if standing is not None:
        paid = standing.status == PaymentStatus.SUCCESS
        raise CannotRetryError("already_paid" if paid else "order_has_live_payment", standing.pk)


def _refuse_declined_card(payment: Payment, token: str) -> None:
    """Refuse a card that may not be tried again, whichever payment of the order it was declined for."""
    tries = Attempt.objects.filter(payment__order_id=payment.order_id, token=token, kind="charge")
    last = tries.order_by("-sent_at", "-number").first()
    if last is not None and last.state == AttemptState.DECLINED:
        if last.never_again or card_limits.is_used_up(last, database_now()):
            raise CannotRetryError("network_limit")
        if not decline(last.decline_code, last.gateway).retryable:
            raise CannotRetryError("needs_another_card")


def _bring_forward(payment: Payment, because: Because, reason: str) -> None:
    """Make a planned try due now; one that waits on a gateway's request, or in the queue, goes on waiting."""
    now = database_now()
    if payment.queued_at is not None or payment.due_at is None or payment.due_at <= now or is_asked_to_wait(payment):
        return
    payment.wait(at=now)
    payment.updated_at = now
    update_each([payment], PAYMENT_FIELDS)
    audit.payment_entry(payment, "payment.brought_forward", because, before=payment.status, reason=reason).save()


def _call_off(payment: Payment, because: Because) -> None:
    was, book = payment.status, Book(now=database_now())
    payment.cancel(now=book.now)
    book.moved(payment, "payment.canceled", because, before=was, reason="another card is used")
    update_each([payment], PAYMENT_FIELDS)
    book.write()


def _new_version(payment: Payment, because: Because, method: Method | None, reason: str) -> str:
    """Insert the payment's next version under a key made from the first one's (A7): `…_v2`, `…_v3`."""
    method_type, token = method or (payment.method_type, payment.method_token)
    # Only what we have put there: a client's own key may end like that, too.
    ours = f"_v{payment.version}" if payment.retry_of else ""
    base = payment.idempotency_key.removesuffix(ours)[:_LONGEST_KEY]
    new_id, version = new_payment_id(), payment.version + 1
    # A client may have used that very key for something else: then the next number.
    while (
        insert.next_payment(
            _request(payment, f"{base}_v{version}", method_type, token), payment.order_id, new_id, because
        )
        is None
    ):
        version += 1
    Payment.objects.filter(pk=new_id).update(retry_of=payment.pk, version=version)
    audit.payment_entry(
        payment, "payment.retried", because, before=payment.status, reason=reason, newPayment=new_id, version=version
    ).save()
    return new_id


def _request(payment: Payment, key: str, method_type: str, token: str) -> PayRequest:
    canonical = {
        "amount": payment.amount,
        "currency": payment.currency,
        "type": method_type,
        "token": token,
        "metadata": payment.metadata,
        "retryOf": payment.pk,
    }
    return PayRequest(
        client_id=payment.client_id,
        key=key,
        request_hash=idempotency.request_hash(canonical),
        amount=payment.amount,
        currency=payment.currency,
        method_type=method_type,
        method_token=token,
        metadata=payment.metadata,
    )
