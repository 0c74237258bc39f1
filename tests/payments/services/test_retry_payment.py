"""Trying a payment again that has ended makes a new version of it (requirements A3, A7)."""

import pytest

from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, IdempotencyRecord, Payment
from payments.services.claim import claim
from payments.services.retry_payment import retry
from payments.services.settle import Settler
from tests.payments.conftest import BECAUSE, accepted, after, reload
from tests.payments.services.conftest import Gateways
from tests.payments.services.retrying import NEW_CARD, everything, failed

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_card_makes_version_2_and_leaves_the_old_one_alone(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    first = failed(shop)
    before = Payment.objects.filter(pk=first.pk).values().get()
    second = retry(first.pk, BECAUSE, method=NEW_CARD, reason="the customer called")
    assert Payment.objects.filter(pk=first.pk).values().get() == before
    assert (second.version, second.retry_of, second.idempotency_key) == (2, first.pk, "order-1-pay_v2")
    assert (second.status, second.method_token, second.retry_count, second.level) == ("pending", NEW_CARD[1], 0, 1)
    assert (second.order_id, second.amount, second.currency, second.metadata) == (
        *(first.order_id, first.amount, first.currency),
        first.metadata,
    )
    record = IdempotencyRecord.objects.get(key="order-1-pay_v2")
    assert (record.payment_id, record.request_hash) == (second.pk, second.request_hash)
    entry = AuditEntry.objects.get(action="payment.retried")
    assert (entry.payment_id, entry.reason) == (first.pk, "the customer called")
    assert entry.data == {"newPayment": second.pk, "version": 2}
    settler.drain()
    assert (reload(second).status, gateways.captures(second)) == ("success", (1, 0))
    assert reload(first).status == "failed"


@pytest.mark.parametrize("code", ["3ds_failed", "gateway_unavailable"])
def test_the_same_card_makes_a_new_version_where_it_may_work_later(shop: Client, code: str) -> None:
    first = failed(shop, code) if code == "3ds_failed" else accepted(shop)
    if code == "gateway_unavailable":
        Payment.objects.update(max_retries=0)
        claim(10, BECAUSE)
        first = after(Attempt.objects.get(), Kind.NOT_SENT, "refused")
    assert (first.status, first.error_code) == ("failed", code)
    second = retry(first.pk, BECAUSE)
    assert (second.version, second.method_token) == (2, first.method_token)


def test_asked_twice_the_answer_is_the_same(shop: Client) -> None:
    first = failed(shop)
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    before = everything()
    assert retry(first.pk, BECAUSE, method=NEW_CARD).pk == second.pk
    assert retry(first.pk, BECAUSE).pk == second.pk
    assert everything() == before


def test_versions_go_on_counting_under_the_first_key(shop: Client) -> None:
    payment = failed(shop)
    for version in (2, 3, 4):
        payment = retry(payment.pk, BECAUSE, method=("card", f"tok_visa_{version}"))
        assert (payment.version, payment.idempotency_key) == (version, f"order-1-pay_v{version}")
        claim(10, BECAUSE)
        payment = after(Attempt.objects.get(payment=payment), Kind.DECLINED, decline_code="expired_card")
    assert Payment.objects.values("order").distinct().count() == 1


def test_a_key_that_the_client_has_used_itself_is_passed_over(shop: Client) -> None:
    first = failed(shop)
    own = accepted(shop, "order-1-pay_v2", order="another-order")
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    assert (second.idempotency_key, second.version) == ("order-1-pay_v3", 3)
    assert reload(own).retry_of == ""
    assert IdempotencyRecord.objects.get(key="order-1-pay_v2").payment_id == own.pk


@pytest.mark.parametrize("length", [245, 246, 255])
def test_a_long_key_is_cut_and_the_new_one_fits(shop: Client, length: int) -> None:
    key = "k" * length
    second = retry(failed(shop, key=key).pk, BECAUSE, method=NEW_CARD)
    assert second.idempotency_key == "k" * 245 + "_v2"
    claim(10, BECAUSE)
    after(Attempt.objects.get(payment=second), Kind.DECLINED, decline_code="expired_card")
    third = retry(second.pk, BECAUSE, method=("card", "tok_visa_3"))
    assert third.idempotency_key == "k" * 245 + "_v3"


def test_two_long_keys_with_one_beginning_get_keys_of_their_own(shop: Client) -> None:
    first = failed(shop, key="k" * 250 + "a", order="order-a")
    second = failed(shop, key="k" * 250 + "b", order="order-b")
    keys = [retry(each.pk, BECAUSE, method=NEW_CARD).idempotency_key for each in (first, second)]
    assert keys == ["k" * 245 + "_v2", "k" * 245 + "_v3"]


def test_a_first_key_that_looks_like_a_version_keeps_its_name(shop: Client) -> None:
    second = retry(failed(shop, key="pay_v1").pk, BECAUSE, method=NEW_CARD)
    assert second.idempotency_key == "pay_v1_v2"


@pytest.mark.parametrize("status", ["expired", "canceled"])
def test_what_ended_without_a_decline_can_be_tried_with_the_same_card(shop: Client, status: str) -> None:
    first = accepted(shop)
    Payment.objects.update(status=status, due_at=None)
    second = retry(first.pk, BECAUSE)
    assert (second.version, second.status, reload(first).status) == (2, "pending", status)
