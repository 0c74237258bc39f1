"""Six events of one payment's life, duplicates among them, end in one state whatever their order (invariant 28, W02).

Every order is played by a payment of its own with a charge of its own at a real gateway; all are played together.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from payments.gateways.base import Kind
from payments.gateways.sandbox.notices import notice_of
from payments.models import Attempt, Client, GatewayEvent, LedgerPosting, OperatorTask, Payment, SurplusCharge
from payments.services import settle
from payments.services.accept import accept
from payments.services.claim import claim
from payments.services.gateway_events import take
from payments.services.gateway_events.store import store
from payments.services.settle import Settler
from tests.payments.conftest import BECAUSE, after, pay_request
from tests.payments.services.gateway_telling import charged
from tests.payments.webhooks.sending import body_of
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)

# Of the 720 orders of six events; the same ones in every run.
SAMPLE: Final = 40
TOKENS: Final = {
    "paid": "tok_success",
    "declined": "tok_insufficient_funds",
    "confirmed": "tok_authentication_required",
}
DISPUTE: Final = {"reason": "fraudulent", "amount": 1250, "due_by": 1_790_000_000}


@dataclass(frozen=True, slots=True)
class Life:
    """What happened at the gateway, what we knew of it before the first event, and the events.

    known: the kind of our own answer; None while it is lost. undone: whether the gateway undid the charge afterwards.
    end: the status of the payment, the state of its attempt, and the kinds of its tasks.
    """

    token: str
    events: tuple[str, ...]
    known: Kind | None = None
    undone: bool = False
    twice: bool = False
    end: tuple[str, ...] = ()


PAID: Final = ("charge.action_required", "charge.succeeded", "charge.succeeded", "charge.updated", "dispute.created")
LIVES: Final = {
    "paid, and we never got the answer": Life(
        "paid", (*PAID, "charge.refunded"), end=("success", "succeeded", "dispute_received")
    ),
    "paid, as we knew": Life(
        "paid", (*PAID, "charge.refunded"), Kind.SUCCEEDED, end=("success", "succeeded", "dispute_received")
    ),
    "paid and undone, as we did not know": Life(
        "paid", (*PAID, "charge.voided"), undone=True, end=("failed", "voided", "dispute_received")
    ),
    "paid as we knew, and undone": Life(
        "paid",
        (*PAID, "charge.voided"),
        Kind.SUCCEEDED,
        undone=True,
        end=("review", "voided", "dispute_received", "taken_back"),
    ),
    "declined, and we never got the answer": Life(
        "declined",
        ("charge.failed", "charge.failed", "charge.action_required", "charge.updated", "charge.failed"),
        end=("failed", "declined"),
    ),
    "confirmed and undone while we waited": Life(
        "confirmed",
        (*PAID, "charge.voided"),
        Kind.ACTION_REQUIRED,
        undone=True,
        end=("failed", "voided", "dispute_received"),
    ),
    "charged twice": Life(
        "paid",
        (*PAID, "other:charge.succeeded"),
        twice=True,
        end=("success", "succeeded", "dispute_received", "duplicate_charge"),
    ),
    "charged twice, and one is given back": Life(
        "paid",
        ("charge.succeeded", "other:charge.succeeded", "other:charge.voided"),
        Kind.SUCCEEDED,
        twice=True,
        end=("success", "succeeded", "duplicate_charge"),
    ),
}


def orders(events: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the given order, its reverse, and a sample of all others."""
    every = sorted(set(itertools.permutations(events)))
    others = random.Random(5).sample(every, min(SAMPLE, len(every)))
    return [tuple(events), tuple(reversed(events)), *others]


def attempts_of(shop: Client, count: int, token: str) -> list[Attempt]:
    """Return attempts that were just sent, each of a payment of its own."""
    payments = [
        accept(pay_request(shop, f"order-{number}-pay", order=f"order-{number}", token=token), BECAUSE).payment.pk
        for number in range(count)
    ]
    while claim(limit=100, because=BECAUSE):
        pass
    found = {attempt.payment_id: attempt for attempt in Attempt.objects.all()}
    return [found[payment] for payment in payments]


def happen(gateway: SandboxProcess, attempt: Attempt, life: Life) -> list[dict[str, Any]]:
    """Let the gateway do what it did; return its charges as they are afterwards, ours first."""
    charge = charged(gateway, attempt, TOKENS[life.token])
    if life.known is not None:
        after(attempt, life.known, reference=charge["id"], action_url="https://bank.test/")
    if life.undone:
        gateway.call("POST", f"/v1/charges/{charge['id']}/cancel")
    charges = gateway.charges(reference=attempt.payment_id)
    return sorted(charges, key=lambda each: bool(each["id"] != charge["id"]))


def tell(number: int, place: int, event: str, charges: list[dict[str, Any]]) -> None:
    """Store one event about one payment as if it had been received; the same event is the same id."""
    other, _, type_ = event.rpartition(":")
    event_id = f"evt_{number}_{event}"
    more = {"dispute": DISPUTE} if type_.startswith("dispute") else {}
    body = body_of(event_id, type_, charges[1 if other else 0], **more)
    store("primary", notice_of(event_id, body), body)


def end_of(attempt: Attempt) -> dict[str, Any]:
    """Return everything that must not depend on the order, without ids and times."""
    payment = Payment.objects.get(pk=attempt.payment_id)
    of_payment = {"payment_id": payment.pk}
    rows: dict[str, Callable[[], Any]] = {
        "attempts": lambda: Attempt.objects.filter(**of_payment).values_list("number", "state", "decline_code"),
        "surplus": lambda: SurplusCharge.objects.filter(**of_payment).values_list("state", "reason", "amount"),
        "ledger": lambda: LedgerPosting.objects.filter(**of_payment).values_list("debit", "credit", "amount"),
        "tasks": lambda: OperatorTask.objects.filter(**of_payment).values_list("kind"),
    }
    status = (payment.status, payment.outcome_unknown, payment.review_reason, payment.error_code, payment.due_at)
    return {"payment": status, **{name: sorted(read()) for name, read in rows.items()}}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settler]:
    """A settler with room for all: the ends are compared, not how soon a burst is asked about."""
    monkeypatch.setattr(take, "LOOKS", 10_000)
    monkeypatch.setattr(settle, "CLAIM_AT_MOST", 10_000)
    made = Settler(BECAUSE, threads=4 * 100)
    yield made
    made.finish()


@pytest.mark.parametrize("name", LIVES)
def test_every_order_ends_in_the_same_state(
    name: str, shop: Client, gateway: SandboxProcess, impatient: Settler, settings: Any
) -> None:
    settings.MAX_RETRIES = 0
    life = LIVES[name]
    if life.twice:
        gateway.arm("execute_twice")
    played = orders(life.events)
    attempts = attempts_of(shop, len(played), TOKENS[life.token])
    charges = [happen(gateway, attempt, life) for attempt in attempts]
    gateway.clear_faults()
    advance(6)
    for place in range(len(life.events)):
        for number, order in enumerate(played):
            tell(number, place, order[place], charges[number])
        impatient.drain()
    for _ in range(6):
        advance(70)
        impatient.drain()
    ends = [end_of(attempt) for attempt in attempts]
    first = ends[0]
    assert [(order, end) for order, end in zip(played, ends, strict=True) if end != first] == []
    tasks = [kind for (kind,) in first["tasks"]]
    assert (first["payment"][0], first["attempts"][0][1], *tasks) == life.end
    assert not first["payment"][1]
    assert [state for state, _, _ in first["surplus"]] == ["returned"] * life.twice
    assert not GatewayEvent.objects.exclude(state__in=["applied", "ignored"]).exists()
