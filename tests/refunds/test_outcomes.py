"""What a gateway's events about refunds lead to: at most one question, and none where our own answer told it (E1)."""

import itertools
from datetime import timedelta
from typing import Any, Final

import pytest
from django.db.models.functions import Now

from payments.clock import database_now
from payments.models import AuditEntry, Client, GatewayEvent, OperatorTask, Payment
from payments.services.settle import Settler
from refunds.models import Refund, RefundWatch
from refunds.outcomes import ASKED, KNOWN, LISTED
from refunds.services.claim import claim
from tests.payments.conftest import BECAUSE
from tests.payments.services.conftest import Gateways
from tests.refunds.conftest import again, captured, requested
from tests.refunds.gateway_telling import apply_events, count_calls, fates, happened, receive
from tests.refunds.journey import Journey
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def journey(shop: Client, gateway: SandboxProcess, settler: Settler) -> Journey:
    return Journey(gateway, settler, captured(shop, settler))


def test_the_events_of_a_healthy_refund_cause_no_call(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = count_calls(monkeypatch)
    refund = journey.refund()
    events = happened(journey.gateway, journey.payment)
    receive([*events, *events])
    journey.settler.drain()
    assert fates() == [("applied", KNOWN)]
    assert (counted, journey.sent()) == ({"refund": 1}, [refund.pk])
    assert journey.gave_back_once()


def test_an_event_that_overtakes_our_own_answer_waits_for_it(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = count_calls(monkeypatch)
    refund = requested(journey.payment, 3000)
    journey.id = refund.pk
    (ask,) = claim(BECAUSE, 8)
    write = ask()
    receive(happened(journey.gateway, journey.payment))
    apply_events()
    assert fates() == [("received", "The gateway's own answer about the refund is expected.")]
    assert again(refund).state == "processing"
    write()
    advance(3)
    journey.settler.drain()
    assert fates() == [("applied", KNOWN)]
    assert GatewayEvent.objects.get().tries == 0
    assert counted == {"refund": 1}
    assert journey.gave_back_once()


def test_an_event_about_a_refund_whose_answer_was_lost_has_the_gateway_asked_at_once(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.gateway.arm("execute_then_close", operation="refund", count=1)
    refund = journey.refund()
    assert refund.state == "unknown"
    counted = count_calls(monkeypatch)
    receive(happened(journey.gateway, journey.payment))
    journey.settler.drain()
    assert fates() == [("applied", ASKED)]
    assert counted == {"look_up_refund": 1}
    assert journey.gave_back_once()


def test_a_refund_that_the_gateway_has_not_done_yet_is_told_by_its_event(journey: Journey) -> None:
    journey.gateway.arm("pending", operation="refund", count=1)
    refund = journey.refund()
    receive(happened(journey.gateway, journey.payment))
    journey.settler.drain()
    assert (fates(), again(refund).state) == ([("applied", KNOWN)], "processing")
    journey.gateway.control(f"refunds/{again(refund).gateway_reference}/succeed")
    receive(happened(journey.gateway, journey.payment))
    journey.settler.drain()
    assert fates()[1:] == [("applied", ASKED)]
    assert journey.gave_back_once()


def test_a_refund_that_came_back_is_told_by_its_event(journey: Journey) -> None:
    refund = journey.refund()
    journey.gateway.control(f"refunds/{refund.gateway_reference}/fail", code="account_closed")
    receive(happened(journey.gateway, journey.payment))
    journey.settler.drain()
    assert fates() == [("applied", KNOWN), ("applied", ASKED)]
    assert (again(refund).state, again(refund).error_code) == ("failed", "account_closed")
    assert (journey.money(), journey.booked(), journey.tasks()) == ((0, 0), 0, ["refund_failed"])


def test_what_is_told_of_a_refund_that_came_back_is_known_in_any_order(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = journey.refund()
    journey.gateway.control(f"refunds/{refund.gateway_reference}/fail", code="account_closed")
    events = happened(journey.gateway, journey.payment)
    receive(reversed(events))
    journey.settler.drain()
    counted = count_calls(monkeypatch)
    GatewayEvent.objects.update(state="received", due_at=Now())
    journey.settler.drain()
    assert (fates(), counted) == ([("applied", KNOWN)] * 2, {})


def test_an_event_under_the_key_of_a_refund_that_awaits_approval_does_not_call_it_off(journey: Journey) -> None:
    refund = requested(journey.payment, 3000, limits={"USD": 100})
    due_at = again(refund).due_at
    charge = journey.gateway.charges(reference=journey.payment.pk)[0]
    event = {"object": "refund", "id": "re_x", "idempotency_key": refund.pk}
    made = journey.gateway.emit("refund.succeeded", charge=charge["id"])
    receive([{**made, "data": {**made["data"], "refund": event}}])
    apply_events()
    assert fates() == [("applied", LISTED)]
    assert (again(refund).state, again(refund).due_at) == ("awaiting_approval", due_at)
    journey.settler.drain()
    assert (again(refund).state, Refund.objects.count()) == ("awaiting_approval", 1)


def test_an_event_about_a_refund_of_the_dashboard_has_the_list_read_at_once(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = journey.gateway.charges(reference=journey.payment.pk)[0]
    made = journey.gateway.control("refunds", charge=charge["id"], amount=2500)
    counted = count_calls(monkeypatch)
    receive(happened(journey.gateway, journey.payment))
    journey.settler.drain()
    assert fates() == [("applied", LISTED)]
    assert counted == {"refunds_since": 1}
    refund = Refund.objects.get()
    assert (refund.gateway_reference, refund.state, refund.is_external) == (made["id"], "succeeded", True)
    assert journey.money() == (2500, 2500)


def test_an_event_about_an_unknown_refund_waits_while_the_list_is_being_read(journey: Journey) -> None:
    soon = database_now() + timedelta(seconds=20)
    RefundWatch.objects.create(gateway="primary", due_at=soon, claimed_until=soon)
    charge = journey.gateway.charges(reference=journey.payment.pk)[0]
    journey.gateway.control("refunds", charge=charge["id"])
    receive(happened(journey.gateway, journey.payment))
    apply_events()
    assert fates() == [("received", "The gateway's list of refunds is being read.")]
    advance(23)
    journey.settler.drain()
    assert (fates(), Refund.objects.count()) == ([("applied", LISTED)], 1)


def test_an_unknown_refund_of_a_gateway_that_cannot_be_asked_goes_to_people(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    payment = captured(shop, settler)
    charge = gateways.primary.charges(reference=payment.pk)[0]
    made = gateways.primary.control("refunds", charge=charge["id"])
    gateways.remove("primary")
    receive(happened(gateways.primary, payment))
    settler.drain()
    task = OperatorTask.objects.get()
    assert (task.kind, task.payment_id, made["id"] in task.detail) == ("refund_mismatch", payment.pk, True)
    assert not Refund.objects.exists()


def test_an_event_about_a_second_charge_touches_no_refund(journey: Journey) -> None:
    refund = journey.refund()
    event = happened(journey.gateway, journey.payment)[0]
    event["data"]["object"]["id"] = "ch_other"
    receive([event])
    journey.settler.drain()
    assert fates() == [("applied", "About a charge that no refund of ours can be of.")]
    assert (again(refund).state, journey.money()) == ("succeeded", (3000, 3000))


# How our own call ends, and what the gateway does with the refund afterwards.
LIVES: Final[dict[str, tuple[dict[str, Any] | None, tuple[str, ...], str]]] = {
    "succeeded, and we never got the answer": ({"kind": "execute_then_close"}, (), "succeeded"),
    "succeeded, and it came back": (None, ("fail",), "failed"),
    "succeeded without an answer, and it came back": ({"kind": "execute_then_close"}, ("fail",), "failed"),
    "taken on, and it succeeded": ({"kind": "pending"}, ("succeed",), "succeeded"),
    "taken on, and it failed": ({"kind": "pending"}, ("fail",), "failed"),
    "taken on, it succeeded, and it came back": ({"kind": "pending"}, ("succeed", "fail"), "failed"),
}


@pytest.mark.parametrize("name", LIVES)
def test_every_order_of_the_events_of_a_refund_ends_in_the_same_state(
    name: str, shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    fault, then, end = LIVES[name]
    # What happened first is told twice, by two events.
    orders = sorted(set(itertools.permutations([*range(1 + len(then)), 0])))
    ends = [_played(number, order, fault, then, (shop, gateway, settler)) for number, order in enumerate(orders)]
    assert [(order, one) for order, one in zip(orders, ends, strict=True) if one != ends[0]] == []
    assert ends[0][0] == end
    assert {state for state, _ in fates()} == {"applied"}


def _played(number: int, order: tuple[int, ...], fault: Any, then: tuple[str, ...], site: Any) -> tuple[Any, ...]:
    """Play one life in one order with a payment of its own; return all that must not depend on the order."""
    shop, gateway, settler = site
    payment: Payment = captured(shop, settler, f"order-{number}-pay", order=f"order-{number}")
    if fault is not None:
        gateway.arm(**fault, operation="refund", count=1)
    refund = requested(payment, 3000, f"refund-{number}")
    settler.drain()
    made = gateway.refunds(reference=payment.pk)[0]
    for step in then:
        gateway.control(f"refunds/{made['id']}/{step}", **({"code": "account_closed"} if step == "fail" else {}))
    events = happened(gateway, payment)
    for place, which in enumerate(order):
        receive([{**events[which], "id": f"evt_{number}_{place}"}])
        settler.drain()
    for _ in range(3):
        advance(70)
        settler.drain()
    row, actions = again(refund), AuditEntry.objects.filter(entity_id=refund.pk).values_list("action", flat=True)
    journey = Journey(gateway, settler, payment, refund.pk)
    ended = [action for action in actions if action in {"refund.succeeded", "refund.failed", "refund.bounced"}]
    return (
        row.state,
        row.error_code,
        row.due_at,
        journey.money(),
        journey.sent() == [refund.pk],
        journey.tasks(),
        len(ended),
    )
