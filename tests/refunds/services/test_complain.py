"""A complaint: refunded at once, or a question to people; never more than the policy allows (requirement D4)."""

import unicodedata
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from payments.clock import database_now
from payments.models import AuditEntry, Client, OperatorTask, Order, Payment
from refunds.models import Complaint, ProactiveSpend, Refund
from refunds.services.complain import Answered, Complained, complain
from refunds.services.request import KeyReusedError, RefundRefusedError
from tests.payments.conftest import BECAUSE, accepted, reload
from tests.races.test_accept import at_once
from tests.refunds.rows import disputed, paid, written

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = "The cup arrived broken."


@pytest.fixture(autouse=True)
def _policy(settings: Any) -> None:
    settings.PROACTIVE_LIMITS = {"USD": 5000, "JPY": 50, "KWD": 50_000}
    settings.PROACTIVE_BUDGETS = {"USD": 50_000, "JPY": 500, "KWD": 500_000}
    settings.PROACTIVE_TIMES, settings.PROACTIVE_DAYS = 1, 90
    settings.DISPUTE_FEES = {"USD": 1500, "JPY": 15, "KWD": 15_000}


def bought(shop: Client, order: str = "order-1", customer: str = "cust-1", **changes: str | int) -> Payment:
    """Return the paid payment of an order of 30.00 USD, unless `changes` say otherwise."""
    payment = paid(shop, f"{order}-pay", **{"amount": 3000, "order": order, **changes})
    Order.objects.filter(reference=order, client=shop).update(customer_reference=customer)
    return payment


def complained(shop: Client, order: str = "order-1", key: str = "complaint-1", words: str = WORDS) -> Complained:
    return Complained(shop.pk, order, words, key)


def answer(shop: Client, order: str = "order-1", key: str = "complaint-1", words: str = WORDS) -> Answered:
    return complain(complained(shop, order, key, words), BECAUSE)


def decided(answered: Answered) -> tuple[str, str]:
    return answered.complaint.decision, answered.complaint.why


def nothing_moved(payment: Payment) -> bool:
    row = reload(payment)
    rows = (Refund.objects.count(), Complaint.objects.count(), OperatorTask.objects.count())
    return (row.refund_reserved, row.refunded, rows) == (0, 0, (0, 0, 0)) and not ProactiveSpend.objects.exists()


def spent(currency: str = "USD") -> int:
    return ProactiveSpend.objects.get(currency=currency).spent


# Refunded at once.


@pytest.mark.parametrize(("amount", "currency"), [(4999, "USD"), (49, "JPY"), (49_999, "KWD")])
def test_a_small_order_is_refunded_at_once_wholly_and_exactly(shop: Client, amount: int, currency: str) -> None:
    payment = bought(shop, amount=amount, currency=currency)
    found = answer(shop)
    (refund,) = Refund.objects.all()
    assert (found.complaint.refund, found.complaint.amount, found.task_id) == (refund, amount, None)
    assert (refund.state, refund.amount, refund.currency) == ("requested", amount, currency)
    assert (refund.reason, refund.origin, refund.note) == ("proactive_customer_satisfaction", "proactive", WORDS)
    assert (refund.idempotency_key, refund.needs_approval) == (f"~proactive:{found.complaint.pk}", False)
    assert (reload(payment).refund_reserved, spent(currency)) == (amount, amount)
    assert not OperatorTask.objects.exists()
    (told,) = AuditEntry.objects.filter(entity_id=found.complaint.pk)
    assert (told.action, told.after, told.reason, told.actor) == (
        *("complaint.refunded", "refunded", found.complaint.why, "worker:test"),
    )


def test_only_what_is_left_of_the_order_is_refunded(shop: Client) -> None:
    payment = bought(shop, amount=10_000)
    written(payment, 6000)
    assert answer(shop).complaint.amount == 4000
    assert reload(payment).refund_reserved == 10_000


def test_the_same_key_is_the_same_complaint(shop: Client) -> None:
    bought(shop)
    first, second = answer(shop), answer(shop)
    assert (first.replayed, second.replayed, second.complaint) == (False, True, first.complaint)
    assert (Refund.objects.count(), Complaint.objects.count(), spent()) == (1, 1, 3000)


def test_the_key_of_another_complaint_is_refused(shop: Client) -> None:
    bought(shop)
    other = bought(shop, "order-2", "cust-2")
    answer(shop)
    for changes in ({"words": "Too late."}, {"order": "order-2"}):
        with pytest.raises(KeyReusedError):
            answer(shop, **changes)
    assert (reload(other).refund_reserved, Refund.objects.count(), spent()) == (0, 1, 3000)


# Decided by people.


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


@pytest.mark.parametrize("customer", ["cust-1", "CUST-1"])
def test_a_customer_is_refunded_once_within_ninety_days(shop: Client, customer: str) -> None:
    bought(shop)
    answer(shop)
    second = bought(shop, "order-2", customer)
    assert decided(answer(shop, "order-2", "complaint-2")) == (
        *("review", "The customer was refunded like this once within 90 days."),
    )
    assert (reload(second).refund_reserved, spent()) == (0, 3000)


def test_the_same_e_mail_address_is_the_same_customer(shop: Client) -> None:
    bought(shop)
    bought(shop, "order-2", "cust-2")
    Order.objects.filter(reference="order-1").update(customer_email="Anna@shop.test")
    Order.objects.filter(reference="order-2").update(customer_email="anna@SHOP.test")
    answer(shop)
    assert answer(shop, "order-2", "complaint-2").complaint.decision == "review"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("José", "JOSÉ"),
        ("José", unicodedata.normalize("NFD", "José")),
        (unicodedata.normalize("NFD", "JOSÉ"), "josé"),
        ("Weiß-7", "WEISS-7"),
        ("cust-１", "CUST-1"),
    ],
)
def test_another_spelling_is_no_other_customer(shop: Client, first: str, second: str) -> None:
    bought(shop, customer=first)
    assert answer(shop).complaint.decision == "refunded"
    payment = bought(shop, "order-2", second)
    assert decided(answer(shop, "order-2", "complaint-2")) == (
        *("review", "The customer was refunded like this once within 90 days."),
    )
    assert (reload(payment).refund_reserved, Refund.objects.count(), spent()) == (0, 1, 3000)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Reference and e-mail address of two orders, in this order.
        (("", "anna@shop.test"), ("cust-2", "ANNA@shop.test")),
        (("cust-1", "anna@shop.test"), ("", "Anna@Shop.test")),
        (("cust-1", ""), ("CUST-1", "anna@shop.test")),
        (("anna@shop.test", ""), ("", "anna@shop.test")),
    ],
)
def test_one_shared_name_is_enough_to_be_the_same_customer(
    shop: Client, first: tuple[str, str], second: tuple[str, str]
) -> None:
    for order, (reference, email) in (("order-1", first), ("order-2", second)):
        bought(shop, order, reference)
        Order.objects.filter(reference=order).update(customer_email=email)
    assert answer(shop).complaint.decision == "refunded"
    assert answer(shop, "order-2", "complaint-2").complaint.decision == "review"
    assert spent() == 3000


def test_two_customers_without_a_name_in_common_are_two(shop: Client) -> None:
    for order, email in (("order-1", ""), ("order-2", "ben@shop.test")):
        bought(shop, order, f"of-{order}")
        Order.objects.filter(reference=order).update(customer_email=email)
    found = [answer(shop), answer(shop, "order-2", "complaint-2")]
    assert [each.complaint.decision for each in found] == ["refunded", "refunded"]


def test_a_complaint_keeps_who_its_customer_was(shop: Client) -> None:
    bought(shop, customer="José")
    Order.objects.update(customer_email="José@Shop.test")
    found = answer(shop).complaint
    assert (found.customer, found.customer_email) == ("josé", "josé@shop.test")
    # The order's own words may change afterwards; what was granted stays granted.
    Order.objects.update(customer_reference="somebody", customer_email="")
    bought(shop, "order-2", "JOSÉ")
    assert answer(shop, "order-2", "complaint-2").complaint.decision == "review"


@pytest.mark.parametrize(("days", "decision"), [(89, "review"), (91, "refunded")])
def test_a_refund_of_long_ago_does_not_count(shop: Client, days: int, decision: str) -> None:
    bought(shop)
    answer(shop)
    Complaint.objects.update(created_at=database_now() - timedelta(days=days))
    bought(shop, "order-2")
    assert answer(shop, "order-2", "complaint-2").complaint.decision == decision


def test_another_customer_and_another_shop_have_their_own_count(shop: Client) -> None:
    bought(shop)
    answer(shop)
    bought(shop, "order-2", "cust-2")
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    bought(other)
    found = [answer(shop, "order-2", "complaint-2"), complain(complained(other), BECAUSE)]
    assert [each.complaint.decision for each in found] == ["refunded", "refunded"]
    assert list(ProactiveSpend.objects.order_by("spent").values_list("spent", flat=True)) == [3000, 6000]


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


# Refused.


def test_nothing_is_refunded_over_an_open_dispute(shop: Client) -> None:
    payment = bought(shop)
    disputed(payment, 3000)
    with pytest.raises(RefundRefusedError) as refused:
        answer(shop)
    assert refused.value.code == "payment_disputed"
    assert nothing_moved(payment)


def test_an_order_that_was_refunded_already_is_refused(shop: Client) -> None:
    written(bought(shop), 3000)
    with pytest.raises(RefundRefusedError) as refused:
        answer(shop)
    assert (refused.value.code, Complaint.objects.count()) == ("fully_refunded", 0)
    assert not ProactiveSpend.objects.exists()


def test_an_order_that_nobody_paid_is_refused(shop: Client) -> None:
    payment = accepted(shop)
    with pytest.raises(RefundRefusedError) as refused:
        answer(shop)
    assert refused.value.code == "payment_not_captured"
    Order.objects.create(client=shop, reference="empty", amount=100, currency="USD")
    with pytest.raises(RefundRefusedError) as refused:
        answer(shop, "empty")
    assert refused.value.code == "payment_not_captured"
    assert nothing_moved(payment)


def test_an_order_of_another_shop_does_not_exist(shop: Client) -> None:
    payment = bought(shop)
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    for stranger, order in ((other, "order-1"), (shop, "order-9")):
        with pytest.raises(Order.DoesNotExist):
            complain(complained(stranger, order), BECAUSE)
    assert nothing_moved(payment)


# At once. Only PostgreSQL has row locks; on SQLite the same must come out of its one writer.


def test_ten_complaints_at_once_do_not_overdraw_the_budget(shop: Client, settings: Any) -> None:
    settings.PROACTIVE_BUDGETS = {"USD": 9000}
    payments = [bought(shop, f"order-{number}", f"cust-{number}") for number in range(10)]
    found = at_once(10, lambda number: answer(shop, f"order-{number}", f"complaint-{number}").complaint.decision)
    assert sorted(found) == ["refunded"] * 3 + ["review"] * 7, connection.vendor
    assert (spent(), sum(reload(payment).refund_reserved for payment in payments)) == (9000, 9000)


def test_ten_complaints_of_one_customer_at_once_are_refunded_once(shop: Client) -> None:
    for number in range(10):
        bought(shop, f"order-{number}")
    found = at_once(10, lambda number: answer(shop, f"order-{number}", f"complaint-{number}").complaint.decision)
    assert sorted(found) == ["refunded"] + ["review"] * 9
    assert (Refund.objects.count(), spent()) == (1, 3000)


def test_ten_equal_complaints_at_once_are_one(shop: Client) -> None:
    bought(shop)
    found = at_once(10, lambda _: answer(shop))
    assert sum(not each.replayed for each in found) == 1
    assert (len({each.complaint.pk for each in found}), Refund.objects.count(), spent()) == (1, 1, 3000)


def test_one_key_for_ten_orders_at_once_is_one_complaint(shop: Client) -> None:
    for number in range(10):
        bought(shop, f"order-{number}", f"cust-{number}")

    def one(number: int) -> str:
        try:
            return answer(shop, f"order-{number}").complaint.decision
        except KeyReusedError:
            return "reused"

    assert sorted(at_once(10, one)) == ["refunded"] + ["reused"] * 9
    assert (Complaint.objects.count(), Refund.objects.count(), spent()) == (1, 1, 3000)
