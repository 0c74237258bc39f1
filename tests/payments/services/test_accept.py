"""Accepting a request to pay (requirements A1, A5, A6, A7, A9; invariants 14–16)."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, IdempotencyRecord, Order, Payment
from payments.services import accept as service
from payments.services.accept import KeyReusedError, OrderConflictError, accept
from payments.services.expire_keys import expire_keys
from tests.payments.conftest import BECAUSE, accepted, after, pay_request, reload, sent

pytestmark = pytest.mark.django_db


def expire(key: str) -> None:
    IdempotencyRecord.objects.filter(key=key).update(expires_at=Now() - timedelta(seconds=1))


def counts() -> tuple[int, int, int, int]:
    models = (Order, Payment, IdempotencyRecord, AuditEntry)
    return tuple(model._default_manager.count() for model in models)  # type: ignore[return-value]


def test_a_new_request_writes_order_payment_key_and_audit_entry(shop: Client) -> None:
    result = accept(pay_request(shop), BECAUSE)
    assert not result.replayed
    assert counts() == (1, 1, 1, 1)
    payment = reload(result.payment)
    assert (payment.status, payment.amount, payment.currency) == ("pending", 1250, "USD")
    assert payment.order.reference == "order-1"


def test_the_answer_equals_the_row(shop: Client) -> None:
    answered = accept(pay_request(shop), BECAUSE).payment
    row = reload(answered)
    same = ("id", "amount", "currency", "status", "metadata", "retry_count", "max_retries", "idempotency_key", "due_at")
    assert {name: getattr(answered, name) for name in same} == {name: getattr(row, name) for name in same}
    assert answered.created_at == row.created_at


def test_a_new_payment_is_due_at_once(shop: Client) -> None:
    accepted(shop)
    assert Payment.objects.filter(due_at__lte=Now()).count() == 1


def test_the_audit_entry_says_who_and_why(shop: Client) -> None:
    accepted(shop)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.cause) == ("payment.accepted", "worker:test", "job:test")
    assert (entry.before, entry.after) == ("", "pending")


def test_the_same_key_and_request_get_the_same_payment(shop: Client) -> None:
    first = accept(pay_request(shop), BECAUSE)
    again = accept(pay_request(shop), BECAUSE)
    assert again.replayed
    assert again.payment.pk == first.payment.pk
    assert counts() == (1, 1, 1, 1)


def test_a_replay_shows_the_payment_as_it_is_now(shop: Client) -> None:
    after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    assert accept(pay_request(shop), BECAUSE).payment.status == "success"


def test_the_same_key_with_another_request_is_refused(shop: Client) -> None:
    accepted(shop)
    with pytest.raises(KeyReusedError):
        accept(pay_request(shop, amount=999), BECAUSE)
    assert counts() == (1, 1, 1, 1)


def test_keys_of_two_shops_do_not_meet(shop: Client) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    first = accept(pay_request(shop), BECAUSE)
    second = accept(pay_request(other), BECAUSE)
    assert not second.replayed
    assert first.payment.pk != second.payment.pk
    assert counts() == (2, 2, 2, 2)


def test_an_equal_request_under_another_key_gets_the_orders_payment(shop: Client) -> None:
    first = accept(pay_request(shop, "first-key"), BECAUSE)
    again = accept(pay_request(shop, "second-key"), BECAUSE)
    assert again.replayed
    assert again.payment.pk == first.payment.pk
    assert Payment.objects.count() == 1
    assert accept(pay_request(shop, "second-key"), BECAUSE).payment.pk == first.payment.pk


def test_another_card_while_a_payment_is_under_way_is_refused(shop: Client) -> None:
    first = accepted(shop, "first-key")
    with pytest.raises(OrderConflictError) as conflict:
        accept(pay_request(shop, "second-key", token="tok_other"), BECAUSE)
    assert (conflict.value.code, conflict.value.payment_id) == ("order_has_live_payment", first.pk)
    assert counts() == (1, 1, 1, 1)


def test_another_card_for_a_paid_order_is_refused(shop: Client) -> None:
    paid = after(sent(shop, "first-key"), Kind.SUCCEEDED, reference="ch_1")
    before = counts()
    with pytest.raises(OrderConflictError) as conflict:
        accept(pay_request(shop, "second-key", token="tok_other"), BECAUSE)
    assert (conflict.value.code, conflict.value.payment_id) == ("order_already_paid", paid.pk)
    assert counts() == before


@pytest.mark.parametrize("change", [{"amount": 999}, {"currency": "EUR"}])
def test_another_amount_or_currency_for_the_same_order_is_refused(shop: Client, change: dict[str, str | int]) -> None:
    accepted(shop, "first-key")
    with pytest.raises(OrderConflictError) as conflict:
        accept(pay_request(shop, "second-key", **change), BECAUSE)
    assert conflict.value.code == "order_amount_mismatch"
    assert counts() == (1, 1, 1, 1)


def test_after_a_decline_the_order_takes_another_payment(shop: Client) -> None:
    failed = after(sent(shop, "first-key"), Kind.DECLINED, decline_code="expired_card")
    second = accept(pay_request(shop, "second-key", token="tok_other"), BECAUSE)
    assert not second.replayed
    assert second.payment.pk != failed.pk
    assert second.payment.order_id == failed.order_id
    assert Order.objects.count() == 1


def test_a_key_counts_until_its_time_is_over(shop: Client) -> None:
    accepted(shop)
    life = IdempotencyRecord.objects.annotate(life=F("expires_at") - F("created_at")).get().life
    assert life == timedelta(hours=24)


def test_the_job_deletes_expired_keys_only(shop: Client) -> None:
    accepted(shop, "old-key", order="order-1")
    accepted(shop, "new-key", order="order-2")
    expire("old-key")
    assert expire_keys() == 1
    assert IdempotencyRecord.objects.get().key == "new-key"


@pytest.mark.parametrize("deleted", [True, False])
def test_an_expired_key_does_not_charge_its_order_again(shop: Client, deleted: bool) -> None:
    first = after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    expire("order-1-pay")
    if deleted:
        expire_keys()
    again = accept(pay_request(shop), BECAUSE)
    assert again.payment.pk == first.pk
    assert Payment.objects.count() == 1


def test_an_expired_key_may_name_another_order(shop: Client) -> None:
    accepted(shop, "the-key", order="order-1")
    expire("the-key")
    second = accept(pay_request(shop, "the-key", order="order-2"), BECAUSE)
    assert not second.replayed
    assert Payment.objects.count() == 2


def test_a_request_without_an_order_is_protected_by_its_key_for_ever(shop: Client) -> None:
    first = after(sent(shop, order=""), Kind.SUCCEEDED, reference="ch_1")
    expire("order-1-pay")
    expire_keys()
    assert accept(pay_request(shop, order=""), BECAUSE).payment.pk == first.pk


def test_the_status_code_of_the_first_answer_is_kept(shop: Client) -> None:
    accepted(shop)
    assert accept(pay_request(shop), BECAUSE).status_code == service.ACCEPTED == 202
