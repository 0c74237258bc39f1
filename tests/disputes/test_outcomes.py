"""A dispute from its event to its end: the payment is frozen at once, and by the gateway's word set free (D5, E1)."""

import itertools
from typing import Any

import pytest
from django.db.models.functions import Now

from disputes.models import Dispute
from disputes.representation import dispute as shown
from payments.clock import database_now
from payments.models import AuditEntry, Client, Event, GatewayEvent, OperatorTask
from payments.reliability import refundable
from payments.services.settle import Settler
from refunds.services.request import RefundRefusedError, request
from tests.disputes.conftest import closed, disputed, held, opened, tell
from tests.payments.conftest import BECAUSE, reload
from tests.refunds.conftest import captured, requested, wanted
from tests.refunds.gateway_telling import apply_events, count_calls, fates, happened, receive
from tests.refunds.journey import Journey
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


def trail(dispute: Dispute) -> list[str]:
    return list(AuditEntry.objects.filter(entity_id=dispute.pk).order_by("id").values_list("action", flat=True))


def told_shop() -> list[str]:
    """Return the types of the events about disputes, in the order of their payment's sequence."""
    return list(Event.objects.filter(type__startswith="dispute.").order_by("sequence").values_list("type", flat=True))


def left(journey: Journey) -> int:
    """Return the minor units that can be refunded now."""
    return refundable.refundable(reload(journey.payment), database_now())


def test_a_dispute_freezes_its_payment_before_the_gateway_was_asked(journey: Journey) -> None:
    made = disputed(journey, amount=4000, reason="product_not_received")
    tell(journey)
    apply_events()
    dispute = Dispute.objects.get()
    assert (dispute.gateway_reference, dispute.amount, dispute.reason) == (made["id"], 4000, "product_not_received")
    assert (dispute.status, dispute.confirmed_at, dispute.refunded_before) == ("needs_response", None, 0)
    assert dispute.respond_by is not None
    assert int(dispute.respond_by.timestamp()) == made["due_by"]
    assert (held(journey), left(journey)) == ((4000, 0), 0)
    with pytest.raises(RefundRefusedError) as refused:
        request(wanted(journey.payment, 100), BECAUSE)
    assert refused.value.code == "payment_disputed"
    assert (trail(dispute), told_shop(), journey.tasks()) == (
        ["dispute.opened"],
        ["dispute.created"],
        ["dispute_received"],
    )


def test_the_gateway_is_asked_and_confirms(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = count_calls(monkeypatch)
    dispute = opened(journey, amount=4000)
    assert (dispute.confirmed_at is not None, dispute.looks, dispute.trouble) == (True, 1, "")
    assert (held(journey), trail(dispute)) == ((4000, 0), ["dispute.opened", "dispute.confirmed"])
    assert counted == {"look_up_dispute": 1}
    GatewayEvent.objects.update(state="received", due_at=Now())
    journey.settler.drain()
    assert (counted, fates()) == ({"look_up_dispute": 1}, [("applied", "Known before.")])
    assert (trail(dispute), OperatorTask.objects.count()) == (["dispute.opened", "dispute.confirmed"], 1)


def test_the_amount_is_the_gateways_own_and_not_the_events(journey: Journey) -> None:
    disputed(journey, amount=4000)
    (event,) = happened(journey.gateway, journey.payment, "dispute.")
    event["data"]["dispute"]["amount"] = 1
    receive([event])
    apply_events()
    assert held(journey) == (1, 0)
    journey.settler.drain()
    assert (Dispute.objects.get().amount, held(journey)) == (4000, (4000, 0))


@pytest.mark.parametrize("amount", [None, "4000", 10_001, 0, -5, True, 10**30])
def test_an_event_without_a_possible_amount_freezes_all_of_the_payment(journey: Journey, amount: Any) -> None:
    disputed(journey, amount=4000)
    (event,) = happened(journey.gateway, journey.payment, "dispute.")
    event["data"]["dispute"]["amount"] = amount
    receive([event])
    apply_events()
    assert held(journey) == (10_000, 0)
    journey.settler.drain()
    assert held(journey) == (4000, 0)


def test_after_a_dispute_that_was_won_all_of_it_can_be_refunded_again(journey: Journey) -> None:
    dispute = closed(journey, opened(journey), "won")
    assert (dispute.status, dispute.closed_at is not None, dispute.due_at) == ("won", True, None)
    assert (held(journey), left(journey)) == ((0, 0), 10_000)
    journey.refund(10_000)
    assert journey.gave_back_once()
    assert trail(dispute) == ["dispute.opened", "dispute.confirmed", "dispute.won"]
    assert told_shop() == ["dispute.created", "dispute.won"]


def test_after_a_dispute_that_was_lost_the_rest_can_be_refunded_and_no_more(journey: Journey) -> None:
    dispute = closed(journey, opened(journey, amount=4000), "lost")
    assert (dispute.status, held(journey), left(journey)) == ("lost", (0, 4000), 6000)
    with pytest.raises(RefundRefusedError) as refused:
        request(wanted(journey.payment, 6001), BECAUSE)
    assert refused.value.code == "amount_exceeds_refundable"
    journey.refund(6000)
    assert (journey.money(), left(journey)) == ((6000, 6000), 0)
    assert told_shop() == ["dispute.created", "dispute.lost"]


def test_after_refunds_and_a_lost_dispute_the_rest_is_what_neither_took(journey: Journey) -> None:
    journey.refund(2500)
    dispute = closed(journey, opened(journey, amount=4000), "lost")
    assert (left(journey), dispute.refunded_before, journey.tasks()) == (3500, 2500, [])


def test_a_dispute_after_a_full_refund_is_a_double_loss_with_its_figures(journey: Journey) -> None:
    journey.refund(10_000)
    dispute = opened(journey, amount=4000)
    assert (dispute.refunded_before, shown(dispute)["refundedBeforeMinor"]) == (10_000, 10_000)
    assert journey.tasks() == ["dispute_received", "double_loss"]
    exposure = "100.00 USD refunded or being refunded, 40.00 USD disputed; together more than captured by 40.00 USD."
    details = dict(OperatorTask.objects.values_list("kind", "detail"))
    assert all(exposure in detail for detail in details.values())
    entry = AuditEntry.objects.get(action="dispute.opened")
    assert (entry.data["amount"], entry.data["refundedBefore"]) == (4000, 10_000)


def test_a_refund_that_is_queued_when_a_dispute_comes_is_called_off(journey: Journey) -> None:
    refund = requested(journey.payment, 3000)
    disputed(journey)
    tell(journey)
    apply_events()
    journey.id = refund.pk
    journey.settler.drain()
    assert (journey.row.state, journey.row.error_code) == ("rejected", "payment_disputed")
    assert (journey.sent(), journey.money(), journey.booked()) == ([], (0, 0), 0)


def test_a_refund_that_is_under_way_when_a_dispute_comes_is_counted_and_told(journey: Journey) -> None:
    journey.gateway.arm("pending", operation="refund", count=1)
    journey.refund(10_000)
    dispute = opened(journey)
    assert (dispute.refunded_before, journey.money()) == (10_000, (10_000, 0))
    assert journey.tasks() == ["dispute_received", "double_loss"]
    journey.gateway.control(f"refunds/{journey.row.gateway_reference}/succeed")
    receive(happened(journey.gateway, journey.payment))
    journey.settler.drain()
    assert journey.gave_back_once()


def test_a_dispute_that_names_itself_but_a_charge_that_no_payment_keeps_freezes_nothing(journey: Journey) -> None:
    disputed(journey)
    (event,) = happened(journey.gateway, journey.payment, "dispute.")
    event["data"]["object"]["id"] = "ch_other"
    receive([event])
    journey.settler.drain()
    assert (Dispute.objects.count(), held(journey), journey.tasks()) == (0, (0, 0), ["dispute_received"])


@pytest.mark.parametrize("end", ["won", "lost"])
def test_every_order_of_the_events_of_a_dispute_ends_in_the_same_state(
    end: str, shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    ends = []
    for number, order in enumerate(sorted(set(itertools.permutations([0, 1, 0, 1])))):
        journey = Journey(gateway, settler, captured(shop, settler, f"order-{number}-pay", order=f"order-{number}"))
        made = disputed(journey, amount=4000)
        gateway.control(f"disputes/{made['id']}/close", status=end)
        events = happened(gateway, journey.payment, "dispute.")
        for place, which in enumerate(order):
            receive([{**events[which], "id": f"evt_{number}_{place}"}])
            settler.drain()
        dispute = Dispute.objects.get(gateway_reference=made["id"])
        ends.append((dispute.status, dispute.due_at, held(journey), journey.tasks(), trail(dispute)))
    trail_ = ["dispute.opened", "dispute.confirmed", f"dispute.{end}"]
    assert ends == [(end, None, (0, 4000 if end == "lost" else 0), [], trail_)] * 6
    assert {state for state, _ in fates()} == {"applied"}


def test_the_event_of_a_shop_shows_payment_and_dispute(journey: Journey) -> None:
    dispute = opened(journey, amount=4000)
    event = Event.objects.get(type="dispute.created")
    for text in (f'"paymentID":"{journey.payment.pk}"', f'"disputeID":"{dispute.pk}"', '"disputedAmountMinor":4000'):
        assert text in event.body
