"""Refunds made without us for which there is no room, or that lose the money twice (requirement D6)."""

import pytest
from django.db.models.functions import Now

from payments.models import OperatorTask
from refunds.models import Refund
from tests.refunds.conftest import again, requested
from tests.refunds.gateway_telling import later
from tests.refunds.journey import Journey
from tests.refunds.rows import disputed
from tests.refunds.services.imported.dashboard import at_dashboard
from tests.refunds.services.test_watch import listed, read

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_a_refund_that_can_find_room_by_no_end_of_ours_is_not_waited_for(journey: Journey) -> None:
    journey.refund(6000)
    requested(journey.payment, 1000, "refund-2", limits={"USD": 100})
    one = listed(Refund.objects.get(amount=6000), reference="re_2", key="", amount=4001)
    assert read(one) == []
    assert (Refund.objects.count(), journey.money(), journey.tasks()) == (2, (7000, 6000), ["refund_mismatch"])
