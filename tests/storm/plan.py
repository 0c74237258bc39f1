"""What happens in a storm, drawn from one seed: who pays when and how, and which process is hit when.

The plan of a seed is always the same. When exactly a signal meets a process, and what that was doing, is not.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

# How often each token is used, in parts. Left out is what only people can settle: a wrong amount in the ledger itself.
_TOKENS: Final[Mapping[str, int]] = {
    "tok_success": 400,
    "tok_visa_4242": 60,
    "tok_authentication_required": 80,
    "tok_generic_decline": 20,
    "tok_insufficient_funds": 20,
    "tok_stolen_card": 10,
    "tok_processing_error": 10,
    "tok_charged_no_answer": 40,
    "tok_not_charged_no_answer": 20,
    "tok_charged_then_500": 20,
    "tok_500": 10,
    "tok_429": 10,
}
# What customers do on the bank's page; `abandon` means that nobody ever presses a button.
_CUSTOMERS: Final[Mapping[str, int]] = {"approve": 60, "fail": 15, "cancel": 10, "abandon": 15}
_BLOWS: Final[Mapping[str, int]] = {
    "web_worker": 20,
    "cluster_worker": 26,
    "settle_loop": 20,
    "cluster_parent": 6,
    "gateway": 8,
    "database_connection": 14,
    "pause_settle_loop": 3,
    "pause_web_worker": 3,
    "outage": 6,
    "inbox": 6,
    "inbox_refuses": 6,
}
# What clients give back of what was paid: nothing; all, or a part; three parts of which one is too much; one part twice
# at once under one key; two parts at once.
_REFUNDS: Final[Mapping[str, int]] = {"": 60, "full": 10, "part": 8, "parts": 8, "twice": 8, "at_once": 6}
# What happens to paid charges at a gateway without us: a refund at its dashboard, a refund that comes back, a dispute.
_OUTSIDE: Final[Mapping[str, int]] = {"dashboard": 3, "bounce": 2, "dispute": 2, "verdict": 2}
CURRENCIES: Final = ("USD", "EUR", "GBP", "JPY", "KWD")
# Blows stop after this part of the traffic's time, so that what they start can still meet traffic.
_BLOWS_UNTIL: Final = 0.97


@dataclass(frozen=True, slots=True)
class Order:
    """One client's order. at: seconds after the start; amount: whole currency units; keys: one, or two for one order.

    twice: every request is sent two times at once. polls: asks for the status until it is final. wait: seconds asked
    for by `Prefer: wait`. customer: what a person does on the bank's page. refund: what is given back, once it is paid.
    """

    client: str
    at: float
    amount: int
    currency: str
    token: str
    customer: str
    keys: tuple[str, ...]
    twice: bool
    polls: bool
    wait: int
    refund: str = ""

    def body(self, key: str) -> dict[str, object]:
        """Return the request to pay under `key`."""
        return {
            "idempotencyKey": key,
            "amount": self.amount,
            "currency": self.currency,
            "paymentMethod": {"type": "card", "token": self.token},
            "metadata": {"orderID": f"order-{self.client}", "customerID": f"customer-{self.client}"},
        }


@dataclass(frozen=True, slots=True)
class Blow:
    """Something that hits us. at: seconds after the start; lasts: seconds of a pause, an outage, or a refusal.

    choice: 0 to below 1, which of the possible targets it is.
    """

    at: float
    kind: str
    lasts: float
    choice: float


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that happens at a gateway without us. at: seconds after the start; choice: as of a blow."""

    at: float
    kind: str
    choice: float


@dataclass(frozen=True, slots=True)
class StormPlan:
    """seconds: how long new orders and blows go on."""

    seed: int
    seconds: float
    orders: tuple[Order, ...]
    blows: tuple[Blow, ...]
    outside: tuple[Outside, ...] = ()


def draw(seed: int, payments: int, seconds: float, *, pause_beyond: float) -> StormPlan:
    """Return the plan of `seed`: `payments` orders over `seconds`, and a blow about every second.

    pause_beyond: seconds of a claim's lease; a paused settle loop wakes up after it.
    """
    chance = random.Random(seed)
    orders = tuple(_order(chance, number, seconds) for number in range(payments))
    blows = tuple(_blows(chance, seconds, pause_beyond))
    # By chances of their own, so that a seed's orders and blows do not depend on them.
    back = random.Random(f"refunds of {seed}")
    refunded = (replace(order, refund=_one_of(back, _REFUNDS)) for order in orders)
    outside = tuple(
        Outside(round(back.uniform(0, seconds), 3), _one_of(back, _OUTSIDE), back.random())
        for _ in range(max(4, payments // 15))
    )
    by_time = tuple(sorted(refunded, key=lambda order: order.at))
    return StormPlan(seed, seconds, by_time, blows, tuple(sorted(outside, key=lambda each: each.at)))


def _order(chance: random.Random, number: int, seconds: float) -> Order:
    client = f"{number:05d}-{chance.getrandbits(32):08x}"
    keys = (f"key-{client}",) if chance.random() < 0.8 else (f"key-{client}", f"second-key-{client}")
    return Order(
        client=client,
        at=round(chance.uniform(0, seconds), 3),
        amount=chance.randrange(50, 900),
        currency=chance.choice(CURRENCIES),
        token=_one_of(chance, _TOKENS),
        customer=_one_of(chance, _CUSTOMERS),
        keys=keys,
        twice=chance.random() < 0.15,
        polls=chance.random() < 0.3,
        wait=chance.choice((0, 0, 0, 1, 2)),
    )


def _blows(chance: random.Random, seconds: float, pause_beyond: float) -> list[Blow]:
    blows, at = [], 1.0
    while at < seconds * _BLOWS_UNTIL:
        kind = _one_of(chance, _BLOWS)
        lasts = {
            "pause_settle_loop": pause_beyond + chance.uniform(1, 4),
            "pause_web_worker": chance.uniform(2, 6),
            "outage": chance.uniform(1, 4),
            "inbox": chance.uniform(0, 3),
            "inbox_refuses": chance.uniform(1, 6),
        }.get(kind, 0.0)
        blows.append(Blow(round(at, 3), kind, round(lasts, 3), chance.random()))
        at += chance.uniform(0.3, 1.7)
    return blows


def _one_of(chance: random.Random, weights: Mapping[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]
