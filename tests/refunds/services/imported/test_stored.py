"""Refunds that the gateway made without us: stored once, counted like any other, and shown as external (D6)."""

import pytest

from payments.models import AuditEntry, Client, CustomerMessage, Event, LedgerPosting, OperatorTask, Order, Payment
from payments.services.settle import Settler
from refunds.models import Refund
from refunds.representation import refund as shown
from refunds.services import watch
from refunds.services.heard import Heard, heard
from refunds.services.request import RefundRefusedError, request
from tests.payments.conftest import BECAUSE, reload
from tests.refunds.conftest import again, captured, wanted
from tests.refunds.gateway_telling import happened, later, receive
from tests.refunds.journey import Journey
from tests.refunds.services.imported.dashboard import at_dashboard
from tests.refunds.services.test_watch import listed, read
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


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
