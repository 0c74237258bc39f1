"""A burst of events leaves room for payments, and for nobody does it wait in a queue (E1, B6; invariant 27)."""

import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from payments.gateways.base import Kind, Outcome
from payments.models import Attempt, Circuit, Client, GatewayEvent, OperatorTask, Payment, SurplusCharge
from payments.reliability import calls
from payments.services import gateway_events, give_back, settle
from payments.services.claim import claim
from payments.services.settle import Settler
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent
from tests.payments.services.gateway_telling import forbid_calls, old, run, state_of
from tests.payments.webhooks.sending import body_of, charge_of, stored
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)

SOON = 10.0


class SlowGateway:
    """Answers look-ups and voids when it is let go, and charges at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[float] = []
        self.goes_on = Event()
        monkeypatch.setattr(calls, "look_up", self._slowly)
        monkeypatch.setattr(calls, "void", self._slowly)
        monkeypatch.setattr(calls, "charge", lambda attempt, **_: Outcome(Kind.SUCCEEDED, "ok", f"ch_{attempt.pk}"))

    def _slowly(self, _: Any, *, prepared_at: float) -> Outcome:
        self.asked.append(time.monotonic() - prepared_at)
        self.goes_on.wait(60)
        return Outcome(Kind.UNKNOWN, "read_timeout")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowGateway]:
    gateway = SlowGateway(monkeypatch)
    # As if a second had passed at every turn.
    monkeypatch.setattr(settle, "ERRANDS_EVERY", 0.0)
    yield gateway
    gateway.goes_on.set()


@pytest.fixture
def loop(slow: SlowGateway) -> Iterator[Settler]:
    made = Settler(BECAUSE, threads=8)
    yield made
    slow.goes_on.set()
    made.finish()


def burst(shop: Client, count: int) -> list[GatewayEvent]:
    """Store as many events about charges that only a look-up can tell of; their payments stay claimed."""
    for number in range(count):
        accepted(shop, f"order-{number}-pay", order=f"order-{number}")
    while claim(64, BECAUSE):
        pass
    attempts = [old(attempt) for attempt in Attempt.objects.order_by("pk")]
    return [stored(each, "charge.succeeded", number=n, reference=f"ch_{n}") for n, each in enumerate(attempts)]


def put_off() -> int:
    return GatewayEvent.objects.filter(note="Others are asked about first.").count()


def test_a_burst_of_events_at_a_slow_gateway_leaves_the_payments_their_room(
    shop: Client, loop: Settler, slow: SlowGateway
) -> None:
    burst(shop, 30)
    for _ in range(5):
        GatewayEvent.objects.filter(claimed_until__isnull=True).update(due_at="2026-01-01T00:00:00Z")
        loop.run(iter([True, False]).__next__)
        assert len(slow.asked) == 2
    payment = accepted(shop, "new-pay", order="new")
    until = time.monotonic() + SOON
    loop.run(lambda: reload(payment).status != "success" and time.monotonic() < until)
    assert reload(payment).status == "success"
    assert (len(slow.asked), put_off()) == (2, 28)
    assert max(slow.asked) < SOON


def test_no_look_queues_while_payments_have_all_threads(
    shop: Client, loop: Settler, slow: SlowGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = burst(shop, 3)
    GatewayEvent.objects.update(due_at=None)
    for number in range(8):
        accepted(shop, f"new-{number}-pay", order=f"new-{number}")

    def charge(_: Attempt, **__: Any) -> Outcome:
        slow.goes_on.wait(60)
        return Outcome(Kind.UNKNOWN, "read_timeout")

    monkeypatch.setattr(calls, "charge", charge)
    loop.run(iter([True, False]).__next__)
    assert Attempt.objects.count() == 3 + 8
    GatewayEvent.objects.update(due_at=events[0].received_at)
    loop.run(iter([True, False]).__next__)
    assert (slow.asked, put_off()) == ([], 3)
    assert not GatewayEvent.objects.filter(claimed_until__isnull=False).exists()


def test_what_cannot_begin_is_not_claimed(shop: Client) -> None:
    events = burst(shop, 3)
    before = {event.pk: event.due_at for event in events}
    assert gateway_events.claim(BECAUSE, 0) == []
    for event in events:
        assert state_of(event) == ("received", "Others are asked about first.")
        assert (event.claimed_until, event.tries) == (None, 0)
        assert event.due_at is not None
        assert 0.5 < (event.due_at - (before[event.pk] or event.due_at)).total_seconds() < 5
    assert not Circuit.objects.exists()


def test_what_needs_no_call_needs_no_room(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    known = stored(attempt, "charge.succeeded", number=1, reference="ch_1")
    body = body_of("evt_2", "dispute.created", charge_of(attempt))
    stored(attempt, "dispute.created", number=2, reference="ch_1", body=body)
    forbid_calls(monkeypatch)
    assert gateway_events.claim(BECAUSE, 0) == []
    assert state_of(known) == ("applied", "Known before.")
    assert OperatorTask.objects.get().kind == "dispute_received"


def test_charges_to_be_given_back_at_a_slow_gateway_leave_the_payments_their_room(
    shop: Client, loop: Settler, slow: SlowGateway
) -> None:
    for number in range(12):
        attempt = sent(shop, key=f"order-{number}-pay", order=f"order-{number}")
        after(attempt, Kind.SUCCEEDED, reference=f"ch_{number}")
        after(attempt, Kind.SUCCEEDED, reference=f"second_{number}", looked=True)
    assert give_back.anything_due()
    payment = accepted(shop, "new-pay", order="new")
    until = time.monotonic() + SOON
    loop.run(lambda: reload(payment).status != "success" and time.monotonic() < until)
    assert reload(payment).status == "success"
    assert len(slow.asked) == 2
    assert SurplusCharge.objects.filter(tries=0).count() == 10


def test_a_look_that_waited_too_long_asks_nobody_and_counts_as_no_try(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    [event] = burst(shop, 1)
    Circuit.objects.create(gateway="primary", operation="look_up", state="open", epoch=1, opened_at=event.received_at)
    forbid_calls(monkeypatch)
    [ask] = gateway_events.claim(BECAUSE)
    assert Circuit.objects.get().trials == 1
    with monkeypatch.context() as later:
        now = time.monotonic()
        later.setattr(time, "monotonic", lambda: now + calls.SEND_WITHIN + 1)
        write = ask()
    write()
    assert state_of(event) == ("received", "Nobody was asked: the worker was too slow.")
    assert (event.tries, event.claimed_until) == (0, None)
    assert Circuit.objects.get().trials == 0
    assert Payment.objects.get().status == "processing"
    monkeypatch.setattr(calls, "look_up", lambda *_, **__: Outcome(Kind.SUCCEEDED, "ok", reference="ch_0"))
    run()
    assert state_of(event)[0] == "applied"


def test_a_long_queue_is_not_read_all_the_time(shop: Client) -> None:
    [event] = burst(shop, 1)
    advance(600)
    GatewayEvent.objects.update(due_at=event.received_at)
    assert gateway_events.claim(BECAUSE, 0) == []
    event.refresh_from_db()
    assert event.due_at is not None
    assert 30 <= (event.due_at - event.received_at).total_seconds() - 600 <= 65
