"""Journeys of what others do with a payment's money: refunds that we did not make, and disputes (requirements D5, D6).

With those of refunds.py they pass every crash point of refunds and disputes.
"""

from collections.abc import Iterator
from typing import Any, Final

from payments.reliability.retry import NOT_FOUND_APART
from tests.crashes.refunds import ask, paid, payment_of
from tests.crashes.steps import Step, Work
from tests.crashes.world import World, settle

# Seconds after which the gateway's list of refunds is read again.
_LIST: Final = 61
# The same until a look-up that was put off because of an event.
_SOON: Final = 3


def refunded_outside(world: World) -> Iterator[Step]:
    """People refund at the gateway's own dashboard, and one comes back; its list shows both, and nothing else does."""
    body = world.new()
    yield from paid(world, [body])
    yield Step(settle, before=lambda: _refund(world, body, 300, 200))
    yield _later(world, _LIST)
    yield _later(world, _LIST, after=lambda: _bounce(world, body))


def told_of_a_refund(world: World) -> Iterator[Step]:
    """People refund at the gateway's own dashboard, and it comes back; the gateway tells of both, twice."""
    body = world.new()
    yield from paid(world, [body])
    yield Step(world.tell(body), before=lambda: _refund(world, body, 300))
    yield Step(settle)
    yield Step(world.tell(body), before=lambda: _bounce(world, body))
    yield _later(world, _SOON)


def refunded_twice(world: World) -> Iterator[Step]:
    """The gateway refunds twice under one key: the second one is taken in, and people are asked."""
    body = world.new()
    yield from paid(world, [body])
    world.gateway.arm("execute_twice", operation="refund", reference=payment_of(body), count=1)
    yield Step(ask(body, ["a"]))
    yield Step(settle)
    yield _later(world, _LIST)


def without_room(world: World) -> Iterator[Step]:
    """Ours get lost on their way, and hold what people refund at the dashboard meanwhile, until the gateway refuses."""
    body = world.new()
    yield from paid(world, [body])
    world.gateway.arm("close_without_executing", operation="refund", reference=payment_of(body), count=2)
    yield Step(ask(body, ["a", "b"]))
    yield Step(settle)
    yield _later(world, _LIST, after=lambda: _refund(world, body, None))
    for _ in range(2):
        yield _later(world, _LIST)


def dispute_won(world: World) -> Iterator[Step]:
    """A customer disputes after a refund, and loses; while that is open nothing more is refunded, and then it is."""
    body = world.new()
    yield from paid(world, [body])
    yield Step(ask(body, ["a"]))
    yield Step(settle)
    yield Step(world.tell(body), before=lambda: _dispute(world, body, 200))
    yield Step(settle)
    yield Step(ask(body, ["b"]))
    yield Step(world.tell(body), before=lambda: _decide(world, body, "won"))
    yield _later(world, _SOON)
    yield Step(ask(body, ["c"]))


def dispute_lost(world: World) -> Iterator[Step]:
    """People refund at the dashboard, and the customer disputes everything; a queued refund of ours is called off, and
    the shop loses more than it took."""
    body = world.new()
    yield from paid(world, [body])
    yield Step(ask(body, ["a"]), before=lambda: _refund(world, body, 300))
    yield Step(world.tell(body), before=lambda: _dispute(world, body, None))
    yield Step(settle)
    yield Step(world.tell(body), before=lambda: _decide(world, body, "lost"))
    yield _later(world, _LIST)


def dispute_unknown(world: World) -> Iterator[Step]:
    """The gateway tells of a dispute of which it knows nothing when it is asked, twice."""
    body = world.new()
    yield from paid(world, [body])
    yield Step(world.tell(body), before=lambda: _make_up(world, body))
    yield Step(settle)
    yield _later(world, NOT_FOUND_APART + 1)


def _later(world: World, seconds: float, after: Work = lambda: None) -> Step:
    """Return what a settle loop does `seconds` after `after` was done."""

    def before() -> None:
        after()
        world.let_pass(seconds)

    return Step(settle, before)


def _charges(world: World, body: dict[str, Any]) -> list[str]:
    charges = world.gateway.charges(reference=payment_of(body))
    return [str(charge["id"]) for charge in charges if charge["status"] == "succeeded"]


def _refund(world: World, body: dict[str, Any], *amounts: int | None) -> None:
    """Refund at the dashboard, `None` all that is left."""
    for charge in _charges(world, body):
        for amount in amounts:
            world.gateway.control("refunds", charge=charge, **({} if amount is None else {"amount": amount}))


def _bounce(world: World, body: dict[str, Any]) -> None:
    """Let the bank send back the refund that was made first."""
    made = world.gateway.refunds(reference=payment_of(body))
    if made and made[-1]["status"] != "failed":
        world.gateway.control(f"refunds/{made[-1]['id']}/fail", code="account_closed")


def _dispute(world: World, body: dict[str, Any], amount: int | None) -> None:
    """Let the customer dispute `amount`, or all."""
    for charge in _charges(world, body):
        world.gateway.control("disputes", charge=charge, **({} if amount is None else {"amount": amount}))


def _make_up(world: World, body: dict[str, Any]) -> None:
    for charge in _charges(world, body):
        world.gateway.emit("dispute.created", charge=charge, dispute={"amount": 200, "reason": "general"})


def _decide(world: World, body: dict[str, Any], status: str) -> None:
    ledger = world.gateway.call("GET", "/control/ledger").json()["disputes"]
    for dispute in ledger:
        if dispute["reference"] == payment_of(body) and dispute["status"] == "open":
            world.gateway.control(f"disputes/{dispute['id']}/close", status=status)
