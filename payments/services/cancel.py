"""Calls a payment off, where that cannot leave a charge behind."""

from django.db import transaction
from django_fsm import can_proceed

from payments.audit import Because
from payments.bulk import update_each
from payments.clock import database_now
from payments.models import Attempt, Payment
from payments.services.apply import PAYMENT_FIELDS
from payments.services.book import Book
from payments.states import OPEN_OR_SUCCEEDED


class CannotCancelError(Exception):
    """The payment cannot be canceled; `code` says why. Nothing was changed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def cancel(payment_id: str, because: Because, reason: str) -> Payment:
    """Cancel the payment if nothing was sent for it, or all that was sent is definitively closed.

    Canceling a canceled payment changes nothing. Raises CannotCancelError (`already_paid`, `outcome_open`,
    `not_cancelable`) and Payment.DoesNotExist.
    """
    with transaction.atomic():
        payments = Payment.objects.select_for_update(of=("self",)).select_related("order")
        payment = payments.get(pk=payment_id)
        if payment.status == "canceled":
            return payment
        if payment.status == "success":
            raise CannotCancelError("already_paid")
        if Attempt.objects.filter(payment=payment, state__in=OPEN_OR_SUCCEEDED).exists():
            raise CannotCancelError("outcome_open")
        if not can_proceed(payment.cancel):
            raise CannotCancelError("not_cancelable")
        before, book = payment.status, Book(now=database_now())
        payment.cancel(now=book.now)
        book.moved(payment, "payment.canceled", because, before=before, reason=reason)
        update_each([payment], PAYMENT_FIELDS)
        book.write()
    return payment
