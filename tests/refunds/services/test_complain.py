"""A complaint that the policy covers is refunded at once, and one that cannot be is refused (requirement D4)."""

import pytest

from payments.models import AuditEntry, Client, OperatorTask, Order
from refunds.models import Complaint, ProactiveSpend, Refund
from refunds.services.complain import complain
from refunds.services.request import KeyReusedError, RefundRefusedError
from tests.payments.conftest import BECAUSE, accepted, reload
from tests.refunds.rows import disputed, written
from tests.refunds.services.complaining import WORDS, answer, bought, complained, nothing_moved, spent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("complaint_policy")]


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
