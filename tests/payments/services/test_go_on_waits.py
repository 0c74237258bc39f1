"""When the next try is, what changes before it, and news that comes late (B4)."""

import math
from datetime import timedelta
from typing import Any

import pytest

from payments.clock import database_now
from payments.declines import DEFAULTS, rules
from payments.gateways.base import Kind
from payments.models import (
    Allowance,
    Attempt,
    Client,
    Payment,
)
from payments.services.apply import apply
from payments.services.claim import claim
from payments.services.settle import Settler
from tests.payments.api.conftest import Api
from tests.payments.conftest import BECAUSE, accepted, after, heard, reload, sent
from tests.payments.services.conftest import Gateways
from tests.payments.services.going_on import (
    customer_of,
    everything_the_api_says,
    mails,
    make_due,
    open_breaker,
    settle,
    told,
)
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


# Waiting.


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_the_wait_doubles_with_every_try(
    shop: Client, monkeypatch: pytest.MonkeyPatch, chance: float, retries: int
) -> None:
    attempt = sent(shop)
    Payment.objects.update(retry_count=retries)
    monkeypatch.setattr("payments.services.apply.random.random", lambda: chance)
    payment = after(attempt, Kind.DECLINED, decline_code="processing_error")
    assert payment.due_at is not None
    assert payment.error_at is not None
    assert payment.due_at - payment.error_at == timedelta(seconds=chance * 2**retries)


@pytest.mark.parametrize(("retries", "wait"), [(5, 30), (9, 30)])
def test_no_wait_is_longer_than_thirty_seconds(
    shop: Client, monkeypatch: pytest.MonkeyPatch, settings: Any, retries: int, wait: int
) -> None:
    settings.PROCESSING_TRIES = 99
    attempt = sent(shop)
    Payment.objects.update(retry_count=retries, max_retries=99)
    monkeypatch.setattr("payments.services.apply.random.random", lambda: 1.0)
    payment = after(attempt, Kind.DECLINED, decline_code="processing_error")
    assert payment.due_at is not None
    assert payment.error_at is not None
    assert payment.due_at - payment.error_at == timedelta(seconds=wait)


def test_a_gateway_that_is_the_only_one_gets_the_time_it_asked_for(shop: Client, gateways: Gateways) -> None:
    gateways.remove("secondary")
    payment = after(sent(shop), Kind.NOT_SENT, "rate_limited", retry_after=120)
    assert payment.due_at is not None
    assert timedelta(seconds=119) < payment.due_at - database_now() <= timedelta(seconds=120)


def test_another_gateway_did_not_ask_to_wait(shop: Client, gateways: Gateways) -> None:
    payment = after(sent(shop), Kind.NOT_SENT, "rate_limited", retry_after=120)
    assert payment.due_at is not None
    assert payment.due_at <= database_now()


def test_a_gateway_that_asked_to_wait_is_left_alone_where_the_other_one_cannot_be_called(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.primary.arm("status", params={"status": 429, "headers": {"Retry-After": "600"}})
    open_breaker("secondary")
    payment = accepted(shop)
    settler.drain()
    assert gateways.requests(payment) == (1, 0)
    for _ in range(6):
        advance(9)
        settler.drain()
    assert gateways.requests(payment)[0] == 1


def test_a_gateway_that_asked_to_wait_is_left_alone_when_the_other_one_failed_too(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.primary.arm("status", params={"status": 429, "headers": {"Retry-After": "600"}}, count=1)
    gateways.secondary.arm("decline", params={"code": "processing_error"})
    payment = accepted(shop)
    settle(settler, payment, turns=1)
    assert gateways.requests(payment) == (1, 1)
    advance(40)
    settler.drain()
    assert gateways.requests(payment)[0] == 1


def test_tries_at_the_only_gateway_that_can_be_called_are_not_made_all_at_once(
    shop: Client, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.services.apply.random.random", lambda: 1.0)
    open_breaker("secondary")
    payment = after(sent(shop), Kind.NOT_SENT, "refused")
    assert payment.due_at is not None
    assert payment.error_at is not None
    assert payment.due_at - payment.error_at == timedelta(seconds=1)


def test_where_too_much_is_tried_again_a_payment_waits_for_its_turn(
    shop: Client, gateways: Gateways, settler: Settler, settings: Any
) -> None:
    """Nobody fails, and no order is accepted unpaid, for a budget while a gateway can charge."""
    settings.RETRIES_PER_MINUTE, settings.RETRY_PERCENT = 1, 0
    gateways.down("primary")
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    for _ in range(8):
        Allowance.objects.update_or_create(name="retries", defaults={"units": 0, "filled_at": database_now()})
        make_due()
        settler.drain()
    row = reload(payment)
    assert (row.status, row.retry_count, row.queued_at) == ("retrying", 1, None)
    assert gateways.requests(payment) == (0, 0)
    Allowance.objects.update(units=100)
    make_due()
    settler.drain()
    assert (reload(payment).status, gateways.requests(payment)) == ("success", (0, 1))


# What changes between an answer and the next claim.


def test_a_decline_that_an_operator_makes_final_before_the_next_try_ends_at_level_5(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    claim(10, BECAUSE)
    after(Attempt.objects.get(), Kind.DECLINED, decline_code="velocity")
    final = DEFAULTS["expired_card"]
    rules.hold(rules.Snapshot({("", "velocity"): final}, frozenset(), read_at=math.inf))
    make_due()
    settler.drain()
    payment = reload(payment)
    assert (payment.status, payment.level, payment.error_code, payment.queued_at) == ("failed", 5, "velocity", None)
    assert (gateways.requests(payment), mails(payment)) == ((0, 0), ["failed"])


def test_a_code_that_becomes_fraud_before_the_next_try_is_told_nowhere(
    shop: Client, gateways: Gateways, settler: Settler, api_key: str
) -> None:
    claim_of = sent(shop)
    after(claim_of, Kind.DECLINED, decline_code="velocity")
    fraud = DEFAULTS["stolen_card"]
    rules.hold(rules.Snapshot({("", "velocity"): fraud}, frozenset({"velocity"}), read_at=math.inf))
    make_due()
    settler.drain()
    payment = Payment.objects.get()
    assert (payment.status, payment.level) == ("failed", 5)
    assert "fraud" not in everything_the_api_says(Api(api_key), payment)


@pytest.mark.parametrize("code", ["generic_decline", "velocity"])
def test_a_gateway_that_is_taken_out_of_the_settings_gets_no_further_call(
    shop: Client, gateways: Gateways, settler: Settler, code: str
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.DECLINED, decline_code=code)
    gateways.remove("primary")
    payment = settle(settler, reload(attempt.payment))
    assert (payment.status, payment.gateway) == ("success", "secondary")
    assert gateways.captures(payment) == (0, 1)


def test_without_any_gateway_a_payment_ends_kindly_and_is_never_unknown(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    gateways.remove("primary")
    gateways.remove("secondary")
    payment = settle(settler, reload(attempt.payment))
    assert (payment.status, payment.level, payment.error_code) == ("failed", 6, "no_gateway")
    assert payment.attempts.count() == 1


# Late and stale news.


def test_money_taken_late_at_the_first_gateway_goes_back_where_the_second_is_being_tried(
    shop: Client, gateways: Gateways
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    make_due()
    claim(10, BECAUSE)
    second = Attempt.objects.get(number=2)
    assert (second.gateway, second.state) == ("secondary", "sent")
    apply([heard(attempt, Kind.SUCCEEDED, reference="ch_late")])
    payment = after(second, Kind.SUCCEEDED, reference="ch_second")
    assert (payment.status, payment.surplus_charges.count()) == ("success", 1)
    assert payment.surplus_charges.get().gateway_reference == "ch_late"


@pytest.mark.parametrize("first", [0, 1])
def test_both_successes_in_one_batch_leave_one_charge_and_one_to_give_back(
    shop: Client, gateways: Gateways, first: int
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    make_due()
    claim(10, BECAUSE)
    second = Attempt.objects.get(number=2)
    news = [heard(attempt, Kind.SUCCEEDED, reference="ch_1"), heard(second, Kind.SUCCEEDED, reference="ch_2")]
    apply(news if first == 0 else news[::-1])
    payment = Payment.objects.get()
    assert (payment.status, payment.surplus_charges.count()) == ("success", 1)
    assert payment.attempts.filter(state="succeeded").count() == 1


def test_money_taken_late_before_the_second_gateway_was_called_is_the_payment(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    payment = after(attempt, Kind.SUCCEEDED, reference="ch_late")
    assert (payment.status, payment.due_at) == ("success", None)
    settler.drain()
    assert gateways.requests(payment) == (0, 0)


def test_a_worker_that_was_taken_over_cannot_send_the_payment_elsewhere(shop: Client, gateways: Gateways) -> None:
    attempt = sent(shop)
    stale = heard(attempt, Kind.NOT_SENT, "refused")
    make_due()
    claim(10, BECAUSE)
    apply([stale])
    assert (reload(attempt.payment).status, Attempt.objects.get().state) == ("processing", "unknown")


def test_the_same_news_twice_go_on_once(shop: Client, gateways: Gateways) -> None:
    attempt = sent(shop)
    news = heard(attempt, Kind.DECLINED, decline_code="velocity")
    apply([news, news])
    apply([news])
    payment = Payment.objects.get()
    assert (payment.status, payment.retry_count) == ("retrying", 1)
    assert len(told(payment, "payment.retrying")) == 1
