"""Journeys of a few payments through the product: together they pass every crash point.

A journey is a list of steps. A step runs in a process of its own, which may be killed anywhere in it; then the same
step is run again, as its client, its worker or its schedule would.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Final

from payments.clock import database_now
from payments.models import CheckoutSession, Client, CustomerStanding, Order, Payment
from payments.services.retry_payment import CannotRetryError, retry
from tests.crashes import outside, refunds
from tests.crashes.steps import Journey, Step
from tests.crashes.world import WORKER, World, next_due, send, settle, sweep

# Longer than a payment may wait for its customer (the suite sets five minutes).
EXPIRY: Final = 301


def plain(world: World) -> Iterator[Step]:
    """Two cards that are good, one that is not."""
    yield Step(world.pay([world.new(), world.new("tok_expired_card"), world.new()]))
    yield Step(settle)
    yield Step(settle, before=lambda: world.let_pass(16))
    yield Step(send)


def told(world: World) -> Iterator[Step]:
    """An answer is lost, and the gateway tells of the charge, twice, before anybody asks it."""
    body = world.new()
    world.gateway.arm("execute_then_close", token=body["paymentMethod"]["token"], count=1)
    yield Step(world.pay([body]))
    yield Step(settle)
    yield Step(world.tell(body))
    yield Step(settle)
    yield Step(send)


def second_try(world: World) -> Iterator[Step]:
    """The first card is declined; the customer pays the same order with another."""
    first = world.new("tok_insufficient_funds")
    yield Step(world.pay([first]))
    yield Step(settle)
    second = {**world.new(), "amount": first["amount"], "metadata": first["metadata"]}
    yield Step(world.pay([second, second]))
    yield Step(settle)


def lost(world: World) -> Iterator[Step]:
    """One charge is made and its answer lost, another gets lost before it is made."""
    made, not_made = world.new(), world.new()
    world.gateway.arm("execute_then_close", token=made["paymentMethod"]["token"], count=1)
    world.gateway.arm("close_without_executing", token=not_made["paymentMethod"]["token"], count=2)
    yield Step(world.pay([made, not_made]))
    yield Step(settle)
    for _ in range(3):
        yield Step(settle, before=lambda: world.let_pass(8))


def twice(world: World) -> Iterator[Step]:
    """The gateway charges twice under one key."""
    body = world.new()
    world.gateway.arm("execute_twice", token=body["paymentMethod"]["token"], count=1)
    yield Step(world.pay([body]))
    for _ in range(3):
        yield Step(settle, before=lambda: world.let_pass(16))


def abandoned(world: World) -> Iterator[Step]:
    """A customer never confirms with the bank; another payment was never taken up by a worker."""
    yield Step(world.pay([world.new("tok_authentication_required")]))
    yield Step(settle)
    yield Step(world.pay([world.new()]))
    yield Step(settle, before=lambda: world.let_pass(EXPIRY))
    yield Step(settle, before=lambda: world.let_pass(40))


def late(world: World) -> Iterator[Step]:
    """A charge gets lost until it is proven absent and the payment has failed; then it is made after all."""
    body = world.new()
    world.gateway.arm("close_without_executing", token=body["paymentMethod"]["token"], count=40)
    yield Step(world.pay([body]))
    yield Step(settle)
    for _ in range(40):
        if Payment.objects.get(idempotency_key=body["idempotencyKey"]).status == "failed":
            break
        yield Step(settle, before=lambda: world.let_pass(max(next_due() or 0, 0) + 0.5))
    world.gateway.clear_faults()
    yield Step(settle, before=lambda: world.deliver_late(body))
    yield Step(settle, before=lambda: world.let_pass(16))


def forgotten(world: World) -> Iterator[Step]:
    """A payment has lost its time; the sweep finds it."""
    body = world.new()
    yield Step(world.pay([body]))
    yield Step(
        sweep,
        before=lambda: _forget(body["idempotencyKey"]),
    )
    yield Step(settle)


def accepted_for_later(world: World) -> Iterator[Step]:
    """No gateway takes charges: a trusted customer's order is accepted, and charged when one is back."""
    body = world.new()
    body["metadata"] = {**body["metadata"], "customerID": "trusted"}
    world.gateway.arm("status", token=body["paymentMethod"]["token"], params={"status": 429})
    yield Step(world.pay([body]), before=_trust)
    yield Step(settle)
    world.gateway.clear_faults()
    for _ in range(3):
        yield Step(settle, before=lambda: world.let_pass(45))


def ended_kindly(world: World) -> Iterator[Step]:
    """The gateway works badly, a payment ends on level 6, and its customer gets a link by e-mail; then pays by it."""
    body = world.new()
    world.gateway.arm("status", token=body["paymentMethod"]["token"], params={"status": 500})
    world.gateway.arm("status", token=f"{body['paymentMethod']['token']}0", params={"status": 429})
    first = {**body, "paymentMethod": {"type": "card", "token": f"{body['paymentMethod']['token']}0"}}
    yield Step(world.pay([first]))
    yield Step(settle, before=lambda: _give_address(first["idempotencyKey"]))
    yield Step(send)
    yield Step(send, before=lambda: world.let_pass(310))
    # A failure that a breaker counts.
    lost_one = {**world.new(), "paymentMethod": body["paymentMethod"]}
    yield Step(world.pay([lost_one]))
    yield Step(settle)
    world.gateway.clear_faults()
    yield Step(lambda: _retry(first["idempotencyKey"], "tok_success"))
    yield Step(settle, before=lambda: world.let_pass(45))


def _trust() -> None:
    shop = Client.objects.get(slug="shop") if Client.objects.filter(slug="shop").exists() else Client.objects.get()
    CustomerStanding.objects.get_or_create(
        client=shop, customer_reference="trusted", defaults={"trusted": True, "reason": "test", "set_by": "test"}
    )


def _give_address(key: str) -> None:
    payment = Payment.objects.get(idempotency_key=key)
    Order.objects.filter(pk=payment.order_id).update(customer_email="anna@shop.test")
    CheckoutSession.objects.create(
        client_id=payment.client_id,
        order_id=payment.order_id,
        return_url="http://127.0.0.1/back",
        expires_at=database_now() + timedelta(hours=1),
    )


def _retry(key: str, token: str) -> None:
    # Refused where a kill left the payment's outcome open: then there is nothing to try again.
    with suppress(CannotRetryError):
        retry(Payment.objects.get(idempotency_key=key).pk, WORKER, method=("card", token))


def _forget(key: str) -> None:
    Payment.objects.filter(idempotency_key=key).update(due_at=None)


_ALL: Final = (
    *(plain, told, second_try, lost, twice, abandoned, late, forgotten),
    *(accepted_for_later, ended_kindly),
    *(refunds.refunded, refunds.refund_lost, refunds.refund_told, refunds.refund_approved),
    refunds.refunded_in_bulk,
    *(outside.refunded_outside, outside.told_of_a_refund, outside.refunded_twice, outside.without_room),
    *(outside.dispute_won, outside.dispute_lost, outside.dispute_unknown),
)
JOURNEYS: Final[dict[str, Journey]] = {journey.__name__: journey for journey in _ALL}
