"""A complaint that the policy does not cover is a question to people (requirement D4)."""

from datetime import timedelta
from typing import Any

import pytest

from payments.clock import database_now
from payments.models import Client, OperatorTask, Order, Payment
from refunds.models import Complaint, ProactiveSpend, Refund
from tests.payments.conftest import reload
from tests.refunds.rows import disputed
from tests.refunds.services.complaining import answer, bought, decided, spent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("complaint_policy")]


def test_at_the_limit_a_person_decides_and_nothing_moves(shop: Client) -> None:
    payment = bought(shop, amount=5000)
    found = answer(shop)
    assert decided(found) == ("review", "50.00 USD is not below the limit of 50.00 USD.")
    assert (found.complaint.refund, reload(payment).refund_reserved, Refund.objects.count()) == (None, 0, 0)
    assert not ProactiveSpend.objects.exists()
    (task,) = OperatorTask.objects.all()
    assert (task.pk, task.payment_id, task.kind, task.subject) == (
        *(found.task_id, payment.pk, "refund_review", found.complaint.pk),
    )
    assert task.detail == (
        "Refund, if the complaint is credible: the customer has no bad history. "
        "A refund costs 50.00 USD, a lost dispute 65.00 USD (a fee of 15.00 USD is in it). "
        "The customer says: “The cup arrived broken.” "
        "Why not at once: 50.00 USD is not below the limit of 50.00 USD. "
        "Customer: 1 paid orders, 0 refunds, 0 at once lately, 0 open and 0 lost disputes."
    )


def test_the_longest_complaint_fits_into_the_task(shop: Client) -> None:
    bought(shop, amount=5000)
    answer(shop, words="x" * 1000)
    assert len(OperatorTask.objects.get().detail) <= 500
    assert Complaint.objects.get().words == "x" * 1000


def test_a_replay_of_a_review_names_the_same_task(shop: Client) -> None:
    bought(shop, amount=5000)
    first, again = answer(shop), answer(shop)
    OperatorTask.objects.update(closed_at=database_now(), closed_by="operator:anna")
    assert [each.task_id for each in (first, again, answer(shop))] == [first.task_id] * 3
    assert OperatorTask.objects.count() == 1


def test_a_second_complaint_about_the_order_joins_the_open_task(shop: Client) -> None:
    bought(shop, amount=5000)
    first, second = answer(shop), answer(shop, key="complaint-2", words="Still broken.")
    assert (second.replayed, second.task_id) == (False, first.task_id)
    assert (Complaint.objects.count(), OperatorTask.objects.count()) == (2, 1)
    assert answer(shop, key="complaint-2", words="Still broken.").task_id == first.task_id


def test_a_customer_whom_nobody_names_goes_to_people(shop: Client) -> None:
    payment = bought(shop, customer="")
    assert decided(answer(shop)) == ("review", "Nobody names the customer of this order.")
    assert reload(payment).refund_reserved == 0


def test_the_budget_of_the_day_is_used_up_to_its_last_cent(shop: Client, settings: Any) -> None:
    settings.PROACTIVE_BUDGETS = {"USD": 6000}
    for number in range(3):
        bought(shop, f"order-{number}", f"cust-{number}")
    found = [answer(shop, f"order-{number}", f"complaint-{number}") for number in range(3)]
    assert [each.complaint.decision for each in found] == ["refunded", "refunded", "review"]
    assert found[2].complaint.why == "The day's budget of 60.00 USD does not cover 30.00 USD any more."
    assert (spent(), Refund.objects.count()) == (6000, 2)


def test_the_next_day_has_its_own_budget(shop: Client, settings: Any) -> None:
    settings.PROACTIVE_BUDGETS = {"USD": 3000}
    bought(shop)
    answer(shop)
    ProactiveSpend.objects.update(day=database_now().date() - timedelta(days=1))
    bought(shop, "order-2", "cust-2")
    assert answer(shop, "order-2", "complaint-2").complaint.decision == "refunded"


def test_an_earlier_lost_dispute_of_the_customer_goes_to_people(shop: Client) -> None:
    disputed(bought(shop, "order-2"), 3000, status="lost")
    payment = bought(shop)
    assert decided(answer(shop)) == ("review", "The customer won a dispute against the shop before.")
    assert reload(payment).refund_reserved == 0


def test_a_dispute_about_another_order_goes_to_people(shop: Client) -> None:
    disputed(bought(shop, "order-2"), 3000)
    bought(shop)
    assert decided(answer(shop)) == ("review", "The customer disputes another order.")


@pytest.mark.parametrize(
    ("before", "now"), [("Ann.Smith@shop.test", "ann.smith@shop.test"), ("ANN.SMITH@shop.test", "Ann.Smith@Shop.test")]
)
def test_a_lost_dispute_under_another_spelling_of_the_address_is_found(shop: Client, before: str, now: str) -> None:
    disputed(bought(shop, "order-2", ""), 3000, status="lost")
    payment = bought(shop, customer="")
    for order, email in (("order-2", before), ("order-1", now)):
        Order.objects.filter(reference=order).update(customer_email=email)
    assert decided(answer(shop)) == ("review", "The customer won a dispute against the shop before.")
    assert reload(payment).refund_reserved == 0


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("lost", "The customer won a dispute against the shop before."),
        ("needs_response", "The customer disputes another order."),
    ],
)
def test_a_dispute_about_a_payment_in_review_counts(shop: Client, status: str, why: str) -> None:
    doubtful = bought(shop, "order-2")
    disputed(doubtful, 3000, status=status)
    Payment.objects.filter(pk=doubtful.pk).update(status="review")
    payment = bought(shop)
    assert decided(answer(shop)) == ("review", why)
    # One in review is not known to be paid.
    assert "Customer: 1 paid orders" in OperatorTask.objects.get(payment_id=payment.pk).detail
    assert reload(payment).refund_reserved == 0
