"""Journeys of a few refunds through the product: together they pass every crash point of refunds and disputes."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from payments.audit import Because
from payments.models import Payment
from refunds.models import Refund
from refunds.services.approve import NotApprovableError, approve
from refunds.services.bulk import acts
from refunds.services.bulk.check import Listed, check
from refunds.services.bulk.lines import Line
from refunds.services.request import RefundRefusedError, Wanted, request
from tests.crashes.steps import Step
from tests.crashes.world import WORKER, World, send, settle

ANN: Final = Because("operator:ann", "request:ann")
BOB: Final = Because("operator:bob", "request:bob")
_LIMITS: Final = {"USD": 10**6}
# Seconds after which the gateway's list of refunds is read again.
_LIST: Final = 61


def refunded(world: World) -> Iterator[Step]:
    """Two parts of a payment, one of them asked for twice; a third part is too much."""
    body = world.new()
    yield from _paid(world, [body])
    yield Step(_ask(body, ["a", "b", "b"]))
    yield Step(settle)
    yield Step(_ask(body, ["c"]))
    yield Step(send)


def refund_lost(world: World) -> Iterator[Step]:
    """One refund is made and its answer lost, another gets lost before it is made."""
    made, not_made = world.new(), world.new()
    yield from _paid(world, [made, not_made])
    world.gateway.arm("execute_then_close", operation="refund", reference=_payment(made), count=1)
    world.gateway.arm("close_without_executing", operation="refund", reference=_payment(not_made), count=2)
    yield Step(_ask(made, ["a"]))
    yield Step(_ask(not_made, ["a"]))
    yield Step(settle)
    for _ in range(3):
        yield Step(settle, before=lambda: world.let_pass(8))


def refund_told(world: World) -> Iterator[Step]:
    """The gateway takes a refund on, ends it, and tells of that, twice and newest first."""
    body = world.new()
    yield from _paid(world, [body])
    world.gateway.arm("pending", operation="refund", reference=_payment(body), count=1)
    yield Step(_ask(body, ["a"]))
    yield Step(settle)
    yield Step(world.tell(body), before=lambda: _end_all(world, body))
    yield Step(settle)
    yield Step(settle, before=lambda: world.let_pass(8))


def refund_approved(world: World) -> Iterator[Step]:
    """A second person approves."""
    body = world.new()
    yield from _paid(world, [body])
    yield Step(_ask(body, ["a"], limits={}, because=ANN))
    yield Step(lambda: _approve(_payment(body)))
    yield Step(settle)


def refunded_outside(world: World) -> Iterator[Step]:
    """People refund at the gateway's own dashboard; its list shows that."""
    body = world.new()
    yield from _paid(world, [body])
    yield Step(settle, before=lambda: _refund_outside(world, body))
    for _ in range(2):
        yield Step(settle, before=lambda: world.let_pass(_LIST))


def refunded_in_bulk(world: World) -> Iterator[Step]:
    """A list of two payments, and of one that is not there."""
    bodies = [world.new(), world.new()]
    yield from _paid(world, bodies)
    yield Step(lambda: _start_bulk([_payment(body) for body in bodies]))
    for _ in range(3):
        yield Step(settle, before=lambda: world.let_pass(1))


def disputed(world: World) -> Iterator[Step]:
    """A customer disputes while a refund is under way, and loses; the bank tells of both."""
    body = world.new()
    yield from _paid(world, [body])
    yield Step(_ask(body, ["a"]))
    yield Step(settle)
    yield Step(world.tell(body), before=lambda: _dispute(world, body))
    yield Step(settle)
    yield Step(world.tell(body), before=lambda: _decide(world, body))
    yield Step(settle, before=lambda: world.let_pass(3))


def _paid(world: World, bodies: list[dict[str, Any]]) -> Iterator[Step]:
    yield Step(world.pay(bodies))
    yield Step(settle)
    # For what a kill left to be found out.
    yield Step(settle, before=lambda: world.let_pass(30))


def _payment(body: dict[str, Any]) -> str:
    return Payment.objects.get(idempotency_key=body["idempotencyKey"]).pk


def _ask(
    body: dict[str, Any], names: list[str], limits: dict[str, int] = _LIMITS, because: Because = WORKER
) -> Callable[[], None]:
    """Return a program that asks for a third of the payment under each name, once more after it was killed."""

    def work() -> None:
        payment = Payment.objects.get(idempotency_key=body["idempotencyKey"])
        for name in names:
            wanted = Wanted(
                payment_id=payment.pk,
                amount=payment.amount * 2 // 5,
                reason="customer_request",
                origin="api",
                key=f"{payment.idempotency_key}-refund-{name}",
                limits=limits,
            )
            # Of what is not paid, or not left, nothing is refunded: that is checked by the invariants.
            with suppress(RefundRefusedError):
                request(wanted, because)

    return work


def _approve(payment_id: str) -> None:
    for refund in Refund.objects.filter(payment_id=payment_id):
        # Approved already, by the process that was killed.
        with suppress(NotApprovableError):
            approve(refund.pk, BOB, seen=refund.parameters_hash)


def _charges(world: World, body: dict[str, Any]) -> list[str]:
    charges = world.gateway.charges(reference=_payment(body))
    return [str(charge["id"]) for charge in charges if charge["status"] == "succeeded"]


def _end_all(world: World, body: dict[str, Any]) -> None:
    for refund in world.gateway.refunds(reference=_payment(body)):
        if refund["status"] == "pending":
            world.gateway.control(f"refunds/{refund['id']}/succeed")


def _refund_outside(world: World, body: dict[str, Any]) -> None:
    for charge in _charges(world, body):
        world.gateway.control("refunds", charge=charge, amount=300)


def _dispute(world: World, body: dict[str, Any]) -> None:
    for charge in _charges(world, body):
        world.gateway.control("disputes", charge=charge, amount=200)


def _decide(world: World, body: dict[str, Any]) -> None:
    ledger = world.gateway.call("GET", "/control/ledger").json()["disputes"]
    for dispute in ledger:
        if dispute["reference"] == _payment(body) and dispute["status"] == "open":
            world.gateway.control(f"disputes/{dispute['id']}/close", status="won")


def _start_bulk(payment_ids: list[str]) -> None:
    """Make the list once, as its form does, and start it."""
    lines = [Line(number, payment_id) for number, payment_id in enumerate([*payment_ids, "pay_nowhere"], 1)]
    key = f"blk_{payment_ids[0].removeprefix('pay_')}"
    bulk = check(Listed("a list", "customer_request", "", lines, key), ANN)
    acts.start(bulk.pk, ANN, seen=bulk.parameters_hash, limits=_LIMITS)
