"""Brings breakers and payments into the states that the console has to show, through the real services."""

from django.db.models.functions import Now

from payments.clock import database_now
from payments.models import Attempt, Client, CustomerStanding, Order, Payment
from payments.reliability import breaker
from payments.reliability.breaker import Board, Report
from payments.services.claim import claim
from tests.payments.conftest import BECAUSE, accepted, reload


def fail(gateway: str, operation: str = "charge", reason: str = "refused", times: int = 5) -> None:
    """Let `times` calls in a row fail: five open the breaker."""
    for _ in range(times):
        granted = Board.read(database_now()).glance(gateway, operation)
        breaker.record([Report(granted, failed=True, reason=reason)])


def taken_up(payment: Payment) -> Payment:
    """Let the payment be due now, and a worker take it up."""
    Payment.objects.filter(pk=payment.pk).update(due_at=Now())
    claim(limit=100, because=BECAUSE)
    return reload(payment)


def next_attempt(payment: Payment) -> Attempt:
    """Return the attempt that is made when the payment is due next."""
    taken_up(payment)
    return Attempt.objects.filter(payment=payment).latest("number")


def without_gateway(shop: Client, key: str, *, trusted: bool, tries: int = 8) -> Payment:
    """Return a payment that was tried until its tries ran out, with both breakers open; trusted: its customer is."""
    payment = accepted(shop, key, order=key)
    Order.objects.filter(pk=payment.order_id).update(customer_reference=f"customer-{key}")
    if trusted:
        CustomerStanding.objects.create(
            client=shop, customer_reference=f"customer-{key}", trusted=True, reason="known", set_by="anna"
        )
    for _ in range(tries):
        payment = taken_up(payment)
    return payment
