"""Journeys of a few refunds through the product: with those of outside.py they pass every crash point of refunds."""

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


def refunded(world: World) -> Iterator[Step]:
    """Two parts of a payment, one of them asked for twice; a third part is too much."""
    body = world.new()
    yield from paid(world, [body])
    yield Step(ask(body, ["a", "b", "b"]))
    yield Step(settle)
    yield Step(ask(body, ["c"]))
    yield Step(send)


def refund_lost(world: World) -> Iterator[Step]:
    """One refund is made and its answer lost, another gets lost before it is made."""
    made, not_made = world.new(), world.new()
    yield from paid(world, [made, not_made])
    world.gateway.arm("execute_then_close", operation="refund", reference=payment_of(made), count=1)
    world.gateway.arm("close_without_executing", operation="refund", reference=payment_of(not_made), count=2)
    yield Step(ask(made, ["a"]))
    yield Step(ask(not_made, ["a"]))
    yield Step(settle)
    for _ in range(3):
        yield Step(settle, before=lambda: world.let_pass(8))


def refund_told(world: World) -> Iterator[Step]:
    """The gateway takes a refund on, ends it, and tells of that, twice and newest first."""
    body = world.new()
    yield from paid(world, [body])
    world.gateway.arm("pending", operation="refund", reference=payment_of(body), count=1)
    yield Step(ask(body, ["a"]))
    yield Step(settle)
    yield Step(world.tell(body), before=lambda: _end_all(world, body))
    yield Step(settle)
    yield Step(settle, before=lambda: world.let_pass(8))


def refund_approved(world: World) -> Iterator[Step]:
    """A second person approves."""
    body = world.new()
    yield from paid(world, [body])
    yield Step(ask(body, ["a"], limits={}, because=ANN))
    yield Step(lambda: _approve(payment_of(body)))
    yield Step(settle)


def refunded_in_bulk(world: World) -> Iterator[Step]:
    """A list of two payments, and of one that is not there."""
    bodies = [world.new(), world.new()]
    yield from paid(world, bodies)
    yield Step(lambda: _start_bulk([payment_of(body) for body in bodies]))
    for _ in range(3):
        yield Step(settle, before=lambda: world.let_pass(1))


def paid(world: World, bodies: list[dict[str, Any]]) -> Iterator[Step]:
    """Pay all of `bodies`: how each journey begins."""
    yield Step(world.pay(bodies))
    yield Step(settle)
    # For what a kill left to be found out.
    yield Step(settle, before=lambda: world.let_pass(30))


def payment_of(body: dict[str, Any]) -> str:
    """Return the id of the payment that `body` asked for."""
    return Payment.objects.get(idempotency_key=body["idempotencyKey"]).pk


def ask(
    body: dict[str, Any], names: list[str], limits: dict[str, int] = _LIMITS, because: Because = WORKER
) -> Callable[[], None]:
    """Return a program that asks for two fifths of the payment under each name, once more after it was killed."""

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


def _end_all(world: World, body: dict[str, Any]) -> None:
    for refund in world.gateway.refunds(reference=payment_of(body)):
        if refund["status"] == "pending":
            world.gateway.control(f"refunds/{refund['id']}/succeed")


def _start_bulk(payment_ids: list[str]) -> None:
    """Make the list once, as its form does, and start it."""
    lines = [Line(number, payment_id) for number, payment_id in enumerate([*payment_ids, "pay_nowhere"], 1)]
    key = f"blk_{payment_ids[0].removeprefix('pay_')}"
    bulk = check(Listed("a list", "customer_request", "", lines, key), ANN)
    acts.start(bulk.pk, ANN, seen=bulk.parameters_hash, limits=_LIMITS)
