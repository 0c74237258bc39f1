"""Refunds that the gateway made without us: stored once, counted like any other, and shown as external (D6)."""

from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from payments.gateways.after_capture import ListedRefund
from payments.models import AuditEntry, Client, CustomerMessage, Event, LedgerPosting, OperatorTask, Order, Payment
from payments.services.settle import Settler
from refunds.models import Refund
from refunds.representation import refund as shown
from refunds.services import compare, imported, watch
from refunds.services.heard import Heard, heard
from refunds.services.request import RefundRefusedError, request
from tests.payments.conftest import BECAUSE, reload
from tests.refunds.conftest import again, captured, requested, wanted
from tests.refunds.gateway_telling import happened, later, receive
from tests.refunds.journey import Journey
from tests.refunds.rows import disputed
from tests.refunds.services.test_watch import listed, read
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def journey(shop: Client, gateway: SandboxProcess, settler: Settler) -> Journey:
    watch.begin_watching()
    return Journey(gateway, settler, captured(shop, settler))


def charge_of(journey: Journey) -> str:
    return str(journey.gateway.charges(reference=journey.payment.pk)[0]["id"])


def at_dashboard(journey: Journey, **order: Any) -> dict[str, Any]:
    """Refund at the gateway's own dashboard."""
    return journey.gateway.control("refunds", charge=charge_of(journey), **order)


def test_a_refund_of_the_dashboard_is_stored_with_all_that_follows(journey: Journey) -> None:
    Order.objects.update(customer_email="customer@shop.test")
    made = at_dashboard(journey, amount=2500)
    later(journey.settler, 61)
    refund = Refund.objects.get()
    assert (refund.state, refund.amount, refund.gateway_reference, refund.due_at) == (
        "succeeded",
        2500,
        made["id"],
        None,
    )
    assert (refund.origin, refund.requested_by, refund.reason) == ("gateway", "gateway:primary", "other")
    assert (refund.idempotency_key, refund.note) == (
        f"~gateway:primary:{made['id']}",
        "Made at the gateway's own dashboard.",
    )
    assert (shown(refund)["external"], shown(refund)["idempotencyKey"]) == (True, None)
    assert (journey.money(), journey.booked(), journey.tasks()) == ((2500, 2500), 2500, [])
    entry = AuditEntry.objects.get(entity_id=refund.pk)
    assert (entry.action, entry.actor, entry.before, entry.after) == (
        "refund.imported",
        "gateway:primary",
        "",
        "succeeded",
    )
    (event,) = Event.objects.filter(type__startswith="refund.")
    assert (event.type, '"refundedAmountMinor":2500' in event.body) == ("refund.created", True)
    message = CustomerMessage.objects.get(kind="refunded")
    assert message.occurrence == refund.pk


def test_a_refund_that_is_read_twice_is_stored_once(journey: Journey) -> None:
    at_dashboard(journey, amount=2500)
    receive([*happened(journey.gateway, journey.payment)])
    for _ in range(3):
        later(journey.settler, 61)
    assert (Refund.objects.count(), journey.money()) == (1, (2500, 2500))
    assert LedgerPosting.objects.filter(debit="refunds").count() == 1


def test_two_refunds_of_the_dashboard_are_two(journey: Journey) -> None:
    at_dashboard(journey, amount=2500)
    at_dashboard(journey, amount=2500)
    later(journey.settler, 61)
    assert (Refund.objects.count(), journey.money()) == (2, (5000, 5000))


def test_what_was_refunded_at_the_dashboard_cannot_be_refunded_here(journey: Journey) -> None:
    at_dashboard(journey, amount=9000)
    later(journey.settler, 61)
    with pytest.raises(RefundRefusedError) as refused:
        request(wanted(journey.payment, 1001), BECAUSE)
    assert (refused.value.code, journey.money()) == ("amount_exceeds_refundable", (9000, 9000))


def test_a_refund_of_the_dashboard_that_came_back_is_told_by_its_event(journey: Journey) -> None:
    made = at_dashboard(journey, amount=2500)
    later(journey.settler, 61)
    journey.gateway.control(f"refunds/{made['id']}/fail", code="account_closed")
    receive(happened(journey.gateway, journey.payment))
    journey.settler.drain()
    refund = Refund.objects.get()
    assert (refund.state, refund.error_code, journey.money(), journey.booked()) == (
        "failed",
        "account_closed",
        (0, 0),
        0,
    )
    assert journey.tasks() == ["refund_failed"]


def test_a_refund_of_the_dashboard_that_failed_before_we_read_it_is_none(journey: Journey) -> None:
    made = at_dashboard(journey, amount=2500)
    journey.gateway.control(f"refunds/{made['id']}/fail", code="account_closed")
    receive(happened(journey.gateway, journey.payment))
    later(journey.settler, 61)
    assert (Refund.objects.count(), journey.money(), journey.tasks()) == (0, (0, 0), [])


def test_a_refund_over_an_open_dispute_is_stored_and_told_as_a_double_loss(journey: Journey) -> None:
    disputed(journey.payment, 10_000)
    at_dashboard(journey, amount=2500)
    later(journey.settler, 61)
    assert (Refund.objects.get().state, journey.money()) == ("succeeded", (2500, 2500))
    assert journey.tasks() == ["double_loss"]


def test_a_refund_after_a_dispute_that_took_the_money_is_stored_and_told_as_a_double_loss(journey: Journey) -> None:
    disputed(journey.payment, 8000, "lost")
    at_dashboard(journey, amount=2000)
    later(journey.settler, 61)
    assert (journey.money(), journey.tasks()) == ((2000, 2000), [])
    at_dashboard(journey, amount=1)
    later(journey.settler, 61)
    assert (journey.money(), journey.tasks()) == ((2001, 2001), ["double_loss"])


def test_a_refund_that_a_refund_of_ours_leaves_no_room_for_is_stored_once_ours_is_over(journey: Journey) -> None:
    ours = requested(journey.payment, 9000, limits={"USD": 100})
    made = at_dashboard(journey, amount=5000)
    later(journey.settler, 61)
    assert (Refund.objects.count(), journey.money()) == (1, (9000, 0))
    task = OperatorTask.objects.get()
    assert (task.kind, made["id"] in task.detail, ours.pk in task.detail) == ("refund_mismatch", True, True)
    at_dashboard(journey, amount=1000)
    later(journey.settler, 61)
    later(journey.settler, 61)
    assert (again(ours).state, journey.money(), OperatorTask.objects.count()) == (
        "awaiting_approval",
        (10_000, 1000),
        1,
    )
    Refund.objects.filter(pk=ours.pk).update(due_at=Now())
    journey.settler.drain()
    assert again(ours).state == "rejected"
    later(journey.settler, 61)
    assert (Refund.objects.filter(origin="gateway").count(), journey.money()) == (2, (6000, 6000))
    assert OperatorTask.objects.count() == 1


def test_a_refund_that_the_gateway_made_twice_under_our_key_is_stored_too_and_people_are_asked(
    journey: Journey,
) -> None:
    journey.gateway.arm("execute_twice", operation="refund", count=1)
    ours = journey.refund(3000)
    later(journey.settler, 61)
    second = Refund.objects.get(origin="gateway")
    assert (again(ours).state, second.state, second.amount) == ("succeeded", "succeeded", 3000)
    assert {again(ours).gateway_reference, second.gateway_reference} == {
        made["id"] for made in journey.gateway.refunds(reference=journey.payment.pk)
    }
    assert second.note == f"Made by the gateway a second time under the key of refund {ours.pk}."
    assert (journey.money(), journey.booked()) == ((6000, 6000), 6000)
    assert "refund_mismatch" in journey.tasks()
    details = OperatorTask.objects.filter(kind="refund_mismatch").values_list("detail", flat=True)
    assert any(f"The gateway refunded twice under the key of our refund {ours.pk}." in each for each in details)
    later(journey.settler, 61)
    assert Refund.objects.count() == 2


def test_a_second_refund_of_all_the_money_is_a_question_and_not_waited_for(journey: Journey) -> None:
    journey.refund(6000)
    refund = Refund.objects.get()
    assert read(listed(refund, reference="re_2")) == []
    assert (Refund.objects.count(), journey.money()) == (1, (6000, 6000))
    (detail,) = OperatorTask.objects.values_list("detail", flat=True)
    assert "more than the 100.00 USD captured" in detail


def test_refunds_of_charges_that_are_not_ours_are_none_of_our_business(journey: Journey) -> None:
    journey.gateway.charge("their-key", amount=900, currency="USD", token="tok_success", reference="their-order")
    theirs = journey.gateway.charges(reference="their-order")[0]
    journey.gateway.control("refunds", charge=theirs["id"])
    receive(happened(journey.gateway, journey.payment))
    later(journey.settler, 61)
    assert (Refund.objects.count(), OperatorTask.objects.count()) == (0, 0)


def test_a_refund_of_a_charge_whose_outcome_is_being_found_out_is_stored_when_that_is_known(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    watch.begin_watching()
    gateway.arm("execute_then_close", operation="charge", count=1)
    payment = captured(shop, settler)
    assert payment.outcome_unknown
    charge = gateway.charges(reference=payment.pk)[0]
    gateway.control("refunds", charge=charge["id"], amount=2500)
    due_at = reload(payment).due_at
    Payment.objects.update(due_at=None)
    later(settler, 61)
    assert not Refund.objects.exists()
    Payment.objects.update(due_at=due_at)
    for _ in range(2):
        later(settler, 61)
    assert reload(payment).status == "success"
    assert (Refund.objects.get().amount, reload(payment).refunded) == (2500, 2500)


@pytest.mark.parametrize("amount", [0, -500])
def test_a_refund_of_no_money_is_a_question_and_stops_no_other(journey: Journey, amount: int) -> None:
    ours = journey.refund(1000)
    bad = listed(ours, reference="re_bad", key="", amount=amount)
    good = listed(ours, reference="re_good", key="", amount=2000)
    assert read(good, bad) == []
    assert Refund.objects.get(origin="gateway").gateway_reference == "re_good"
    assert (journey.money(), journey.booked(), journey.tasks()) == ((3000, 3000), 3000, ["refund_mismatch"])
    (detail,) = OperatorTask.objects.values_list("detail", flat=True)
    assert "re_bad" in detail


@pytest.mark.parametrize("key", ["\x00", "\ud800"])
def test_a_key_that_no_database_can_look_for_stops_nothing(journey: Journey, key: str) -> None:
    ours = journey.refund(1000)
    odd = listed(ours, reference="re_odd", key=key, amount=500)
    good = listed(ours, reference="re_good", key="", amount=2000)
    assert read(good, odd) == []
    assert (Refund.objects.filter(origin="gateway").count(), journey.money()) == (2, (3500, 3500))


def test_an_entry_that_raises_is_given_to_people_and_read_again_and_stops_no_other(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = journey.refund(1000)
    bad = listed(ours, reference="re_bad", key="", amount=500)
    good = listed(ours, reference="re_good", key="", amount=2000)
    monkeypatch.setattr(compare, "take_in", _raising_about("re_bad", ValueError("no such thing")))
    for _ in range(2):
        assert read(good, bad) == [bad]
    assert Refund.objects.get(origin="gateway").gateway_reference == "re_good"
    assert (journey.money(), journey.booked(), journey.tasks()) == ((3000, 3000), 3000, ["refund_mismatch"])
    (detail,) = OperatorTask.objects.values_list("detail", flat=True)
    assert detail.startswith("primary has refund re_bad of 5.00 USD: ")


def test_an_entry_that_the_database_cannot_store_leaves_nothing_behind(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = journey.refund(1000)
    one = listed(ours, reference="re_bad", key="", amount=500)
    # What only the database's own constraint refuses.
    monkeypatch.setattr(imported, "_new", _of_no_money(imported._new))
    assert read(one) == [one]
    assert (Refund.objects.count(), journey.money(), journey.tasks()) == (1, (1000, 1000), ["refund_mismatch"])


def test_an_entry_whose_rows_are_locked_is_read_again_without_a_question(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = listed(journey.refund(1000), reference="re_busy", key="", amount=500)
    monkeypatch.setattr(compare, "take_in", _raising_about("re_busy", OperationalError("database is locked")))
    assert read(one) == [one]
    assert (Refund.objects.count(), journey.tasks()) == (1, [])


def test_a_refund_of_the_dashboard_that_came_back_and_is_listed_as_made_is_a_question_and_no_loop(
    journey: Journey,
) -> None:
    made = at_dashboard(journey, amount=2500)
    later(journey.settler, 61)
    journey.gateway.control(f"refunds/{made['id']}/fail", code="account_closed")
    receive(happened(journey.gateway, journey.payment))
    journey.settler.drain()
    refund = Refund.objects.get()
    assert (refund.state, journey.tasks()) == ("failed", ["refund_failed"])
    one = listed(refund, key="", reference=made["id"])
    for _ in range(2):
        assert read(one) == []
    after = again(refund)
    assert (after.state, after.updated_at, after.due_at) == ("failed", refund.updated_at, None)
    assert (journey.money(), journey.booked(), journey.tasks()) == ((0, 0), 0, ["refund_failed", "refund_mismatch"])
    # Whoever else hears it, by a look-up or the like, comes to the same end.
    for _ in range(2):
        heard(Heard(refund.pk, None, one.outcome, BECAUSE, looked=True, sent=False))
    after = again(refund)
    assert (after.state, after.due_at, journey.booked()) == ("failed", None, 0)
    assert journey.tasks() == ["refund_failed", "refund_mismatch"]


def test_a_refund_that_can_find_room_by_no_end_of_ours_is_not_waited_for(journey: Journey) -> None:
    journey.refund(6000)
    requested(journey.payment, 1000, "refund-2", limits={"USD": 100})
    one = listed(Refund.objects.get(amount=6000), reference="re_2", key="", amount=4001)
    assert read(one) == []
    assert (Refund.objects.count(), journey.money(), journey.tasks()) == (2, (7000, 6000), ["refund_mismatch"])


def _raising_about(reference: str, error: Exception) -> Any:
    take_in = imported.take_in

    def raising(gateway: str, listed: ListedRefund, *arguments: Any, **named: Any) -> bool:
        if listed.reference == reference:
            raise error
        return take_in(gateway, listed, *arguments, **named)

    return raising


def _of_no_money(new: Any) -> Any:
    def made(*arguments: Any) -> Refund:
        refund: Refund = new(*arguments)
        refund.amount = 0
        return refund

    return made
