"""Trying a payment again because somebody asks: the safe thing, or why not (requirements A3, A7)."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

import pytest
from django.db import connection
from django.db.models.functions import Now

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, IdempotencyRecord, Payment
from payments.services.apply import Heard, apply
from payments.services.claim import claim
from payments.services.retry_payment import CannotRetryError, retry
from payments.services.settle import Settler, apply_all
from payments.states import LIVE_OR_SUCCESSFUL
from tests.payments.conftest import BECAUSE, accepted, after, heard, reload, sent
from tests.payments.services.conftest import Gateways

pytestmark = pytest.mark.django_db(transaction=True)

NEW_CARD: Final = ("card", "tok_visa_4242")


def everything() -> list[Any]:
    """Return all that a refused request must leave as it is."""
    return [
        list(Payment.objects.order_by("pk").values()),
        list(Attempt.objects.order_by("pk").values()),
        list(AuditEntry.objects.order_by("pk").values_list("pk", flat=True)),
        list(IdempotencyRecord.objects.order_by("pk").values_list("key", flat=True)),
    ]


def refusal(payment: Payment, method: tuple[str, str] | None = None) -> tuple[str, str]:
    """Return why the payment cannot be tried again, having looked that nothing moved."""
    before = everything()
    with pytest.raises(CannotRetryError) as refused:
        retry(payment.pk, BECAUSE, method=method)
    assert everything() == before
    return refused.value.code, refused.value.payment_id


def failed(shop: Client, code: str = "expired_card", key: str = "order-1-pay", **more: Any) -> Payment:
    return after(sent(shop, key, **more), Kind.DECLINED, decline_code=code)


def waiting(shop: Client, seconds: float = 0.9) -> Payment:
    """Return a payment that is tried again in `seconds`."""
    payment = after(sent(shop), Kind.DECLINED, decline_code="velocity")
    Payment.objects.update(due_at=database_now() + timedelta(seconds=seconds))
    return reload(payment)


# Refusals.


def test_a_paid_payment_is_not_charged_again(shop: Client) -> None:
    payment = after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    assert refusal(payment) == refusal(payment, NEW_CARD) == ("already_paid", "")


@pytest.mark.parametrize("kind", [None, Kind.UNKNOWN])
def test_a_charge_under_way_is_waited_for(shop: Client, kind: Kind | None) -> None:
    attempt = sent(shop)
    payment = after(attempt, kind, "read_timeout") if kind else reload(attempt.payment)
    assert refusal(payment) == refusal(payment, NEW_CARD) == ("outcome_open", "")


def test_a_challenge_is_waited_for(shop: Client) -> None:
    payment = after(sent(shop), Kind.ACTION_REQUIRED, reference="ch_1", action_url="https://bank.test/1")
    assert refusal(payment) == refusal(payment, NEW_CARD) == ("waiting_for_customer", "")


def test_a_payment_in_review_is_a_persons(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN, "read_timeout")
    Payment.objects.update(status="review")
    assert refusal(payment) == refusal(payment, NEW_CARD) == ("in_review", "")


@pytest.mark.parametrize("code", ["expired_card", "stolen_card", "nobody_mapped_this"])
def test_a_card_that_was_declined_for_good_is_refused(shop: Client, code: str) -> None:
    payment = failed(shop, code)
    assert payment.status == "failed"
    assert refusal(payment) == ("needs_another_card", "")
    assert refusal(payment, (payment.method_type, payment.method_token)) == ("needs_another_card", "")


def test_a_card_that_the_network_forbids_is_refused(shop: Client) -> None:
    payment = after(sent(shop), Kind.DECLINED, decline_code="do_not_honor", never_again=True)
    assert refusal(payment) == ("network_limit", "")


def test_a_card_at_its_limit_is_refused(shop: Client) -> None:
    for number in range(20):
        failed(shop, key=f"key-{number}", order=f"order-{number}")
    Attempt.objects.update(card_fingerprint="fp_one", card_brand="visa")
    attempt = sent(shop, "last", order="last")
    payment = after(attempt, Kind.DECLINED, decline_code="velocity", card_brand="visa", card_fingerprint="fp_one")
    assert refusal(payment) == ("network_limit", "")
    assert retry(payment.pk, BECAUSE, method=NEW_CARD).version == 2


def test_a_declined_card_does_not_come_back_by_way_of_another(shop: Client) -> None:
    """Card A is declined for good, card B fails, card A again: still not."""
    first = failed(shop, "stolen_card")
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    claim(10, BECAUSE)
    after(Attempt.objects.get(payment=second), Kind.DECLINED, decline_code="3ds_failed")
    assert refusal(second, (first.method_type, first.method_token)) == ("needs_another_card", "")


def test_a_waiting_payment_is_not_given_a_card_that_was_declined_for_good(shop: Client) -> None:
    first = failed(shop, "stolen_card")
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    claim(10, BECAUSE)
    after(Attempt.objects.get(payment=second), Kind.DECLINED, decline_code="velocity")
    assert reload(second).status == "retrying"
    assert refusal(second, (first.method_type, first.method_token)) == ("needs_another_card", "")


def test_another_live_payment_of_the_order_stands_in_the_way(shop: Client) -> None:
    first = failed(shop)
    other = accepted(shop, "another-key", token="tok_visa_1")
    assert refusal(first, NEW_CARD) == ("order_has_live_payment", other.pk)
    claim(10, BECAUSE)
    after(Attempt.objects.get(payment=other), Kind.SUCCEEDED, reference="ch_1")
    assert refusal(first, NEW_CARD) == ("already_paid", other.pk)


def test_a_third_card_is_refused_where_the_payment_was_replaced(shop: Client) -> None:
    first = failed(shop)
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    assert refusal(first, ("card", "tok_visa_1111")) == ("superseded", second.pk)


def test_an_unknown_payment_is_said_to_be_unknown(shop: Client) -> None:
    with pytest.raises(Payment.DoesNotExist):
        retry("pay_00000000000000000000000000", BECAUSE)


# New versions.


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


def test_many_who_ask_at_once_get_one_version(shop: Client) -> None:
    first = failed(shop)
    found = at_once(8, lambda: retry(first.pk, BECAUSE, method=NEW_CARD).pk)
    assert len(set(found)) == 1
    assert Payment.objects.count() == 2


def test_many_who_ask_with_different_cards_get_one_version(shop: Client) -> None:
    first = failed(shop)

    def ask() -> str:
        try:
            return retry(first.pk, BECAUSE, method=("card", f"tok_visa_{random.randrange(10**9)}")).pk
        except CannotRetryError as error:
            return f"{error.code} {error.payment_id}"

    found = at_once(6, ask)
    second = Payment.objects.get(retry_of=first.pk)
    assert sorted(found) == sorted([second.pk, *[f"superseded {second.pk}"] * 5])


# While it is being tried.


def test_a_planned_try_is_brought_forward(shop: Client) -> None:
    payment = waiting(shop, 0.9)
    found = retry(payment.pk, BECAUSE, reason="hurry")
    assert found.pk == payment.pk
    assert found.due_at is not None
    assert found.due_at <= database_now()
    assert found.retry_count == payment.retry_count
    [entry] = AuditEntry.objects.filter(action="payment.brought_forward")
    assert (entry.payment_id, entry.reason, entry.after) == (payment.pk, "hurry", "retrying")


@pytest.mark.parametrize("seconds", [31, 900])
def test_a_gateway_that_asked_for_time_gets_it(shop: Client, seconds: int) -> None:
    payment = waiting(shop, seconds)
    before = everything()
    assert retry(payment.pk, BECAUSE).pk == payment.pk
    assert everything() == before


def test_a_gateway_that_asked_for_a_few_seconds_gets_them(shop: Client, gateways: Gateways) -> None:
    """Ten seconds after the first try are the gateway's wish: the back-off would have been one at most."""
    gateways.remove("secondary")
    payment = after(sent(shop), Kind.NOT_SENT, "rate_limited", retry_after=10)
    before = everything()
    assert retry(payment.pk, BECAUSE).pk == payment.pk
    assert everything() == before


def test_a_queued_payment_keeps_its_place(shop: Client) -> None:
    payment = waiting(shop, 25)
    Payment.objects.update(queued_at=Now(), level=4)
    before = everything()
    assert retry(payment.pk, BECAUSE).pk == payment.pk
    assert everything() == before


def test_a_payment_that_nobody_has_claimed_yet_is_left_alone(shop: Client) -> None:
    payment = accepted(shop)
    before = everything()
    assert retry(payment.pk, BECAUSE).pk == payment.pk
    assert everything() == before


def test_another_card_calls_the_planned_try_off(shop: Client, gateways: Gateways, settler: Settler) -> None:
    first = waiting(shop)
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    assert (reload(first).status, reload(first).due_at, second.version) == ("canceled", None, 2)
    settler.drain()
    assert (gateways.requests(first), gateways.captures(second)) == ((0, 0), (1, 0))


def test_money_that_the_called_off_payment_took_after_all_goes_back(shop: Client, gateways: Gateways) -> None:
    first = waiting(shop)
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    after(Attempt.objects.get(payment=first), Kind.SUCCEEDED, reference="ch_late")
    assert (reload(first).status, reload(second).status) == ("canceled", "pending")
    assert first.surplus_charges.get().gateway_reference == "ch_late"


# Against others who want something of the same payment.


def test_a_claim_and_a_retry_at_once_leave_one_payment_under_way(shop: Client, gateways: Gateways) -> None:
    """Either the claim comes first and the retry is refused, or the retry and the claim finds nothing."""
    for number in range(6):
        first = after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.DECLINED, decline_code="velocity")
        Payment.objects.filter(pk=first.pk).update(due_at=Now() - timedelta(seconds=1))

        def ask(payment_id: str = first.pk) -> str:
            try:
                return retry(payment_id, BECAUSE, method=NEW_CARD).pk
            except CannotRetryError as error:
                return error.code

        at_once(2, ask, lambda: str(len(claim(10, BECAUSE))))
        live = Payment.objects.filter(order_id=first.order_id, status__in=LIVE_OR_SUCCESSFUL)
        assert live.count() == 1
        assert Attempt.objects.filter(payment__order_id=first.order_id, state="sent").count() <= 1


def test_a_late_success_and_a_retry_at_once_charge_the_order_once(shop: Client) -> None:
    for number in range(6):
        attempt = sent(shop, f"key-{number}", order=f"order-{number}")
        first = after(attempt, Kind.DECLINED, decline_code="expired_card")
        news = heard(attempt, Kind.SUCCEEDED, reference=f"ch_late_{number}")

        def ask(payment_id: str = first.pk) -> str:
            try:
                return retry(payment_id, BECAUSE, method=NEW_CARD).pk
            except CannotRetryError as error:
                return error.code

        def hear(late: Heard = news) -> str:
            apply([late])
            return ""

        answers = at_once(2, ask, hear)
        live = Payment.objects.filter(order_id=first.order_id, status__in=LIVE_OR_SUCCESSFUL).get()
        paid = reload(first).status == "success"
        assert paid is (live.pk == first.pk)
        assert paid is ("already_paid" in answers)
        assert first.surplus_charges.count() == (0 if paid else 1)


def test_money_for_an_older_payment_of_the_order_and_a_retry_at_once_charge_it_once(shop: Client) -> None:
    for number in range(6):
        oldest = sent(shop, f"key-{number}", order=f"order-{number}")
        after(oldest, Kind.DECLINED, decline_code="expired_card")
        newer = sent(shop, f"other-{number}", order=f"order-{number}", token="tok_visa_2")
        failed_ = after(newer, Kind.DECLINED, decline_code="expired_card")
        news = heard(oldest, Kind.SUCCEEDED, reference=f"ch_late_{number}")

        def ask(payment_id: str = failed_.pk) -> str:
            try:
                return retry(payment_id, BECAUSE, method=NEW_CARD).pk
            except CannotRetryError as error:
                return error.code

        def hear(late: Heard = news) -> str:
            apply_all([late])
            return ""

        at_once(2, ask, hear)
        live = Payment.objects.filter(order_id=failed_.order_id, status__in=LIVE_OR_SUCCESSFUL)
        assert live.count() == 1


def at_once(times: int, *acts: Any) -> list[str]:
    """Run each of `acts` in turn in `times` threads with their own connections."""

    def one(number: int) -> str:
        try:
            return str(acts[number % len(acts)]())
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))
