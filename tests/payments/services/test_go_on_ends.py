"""Levels 5 and 6, every class of decline, and what nobody may read (B5, B7)."""

from datetime import timedelta

import pytest

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import (
    Allowance,
    Attempt,
    Circuit,
    Client,
    CustomerMessage,
    Payment,
)
from payments.services.claim import claim
from payments.services.settle import Settler
from tests.payments.api.conftest import Api
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent
from tests.payments.services.conftest import Gateways
from tests.payments.services.going_on import (
    FRAUD,
    customer_of,
    everything_the_api_says,
    mails,
    open_breaker,
    settle,
    told,
    tries,
)
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


# Level 5.


@pytest.mark.parametrize("code", ["expired_card", "insufficient_funds", "stolen_card", "made_up_code"])
def test_level_5_asks_for_another_way_after_one_try(
    shop: Client, gateways: Gateways, settler: Settler, code: str
) -> None:
    gateways.primary.arm("decline", params={"code": code})
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.error_code, payment.queued_at) == ("failed", 5, code, None)
    assert payment.level_reason.startswith("primary declined: ")
    assert (gateways.captures(payment), gateways.requests(payment), mails(payment)) == ((0, 0), (1, 0), ["failed"])
    [entry] = told(payment, "payment.failed")
    assert (entry["level"], entry["why"], entry["reason"]) == (5, payment.level_reason, code)


def test_a_card_that_the_network_forbids_ends_at_once(shop: Client, gateways: Gateways, settler: Settler) -> None:
    payment = settle(settler, accepted(shop, token="tok_do_not_try_again"))
    assert (payment.status, payment.level, payment.error_code) == ("failed", 5, "network_limit")
    assert payment.level_reason == "primary declined: soft; the card network forbids another try"
    assert gateways.requests(payment) == (1, 0)


def test_a_card_at_its_networks_limit_is_not_tried_again(shop: Client, gateways: Gateways, settler: Settler) -> None:
    for number in range(20):
        attempt = sent(shop, f"key-{number}", order=f"order-{number}")
        after(attempt, Kind.DECLINED, decline_code="expired_card")
    Attempt.objects.update(card_fingerprint="fp_one", card_brand="visa")
    last = sent(shop, "last", order="last")
    payment = after(
        last, Kind.DECLINED, decline_code="issuer_unavailable", card_brand="visa", card_fingerprint="fp_one"
    )
    assert (payment.status, payment.level, payment.error_code) == ("failed", 5, "network_limit")


# Level 6.


@pytest.mark.parametrize("trusted", [None, False])
def test_level_6_fails_kindly_and_owes_a_link(
    shop: Client, gateways: Gateways, settler: Settler, trusted: bool | None
) -> None:
    gateways.down("primary", "secondary")
    payment = accepted(shop)
    customer_of(payment, trusted=trusted)
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.queued_at) == ("failed", 6, None)
    assert payment.error_code == "gateway_unavailable"
    assert [try_[2] for try_ in tries(payment)] == ["not_sent"] * 5
    assert {try_[0] for try_ in tries(payment)} == {"primary", "secondary"}
    assert (mails(payment), gateways.requests(payment)) == (["resume"], (0, 0))
    [entry] = told(payment, "payment.failed")
    assert (entry["level"], entry["reason"]) == (6, "gateway_unavailable")


def test_level_6_where_both_breakers_are_open_sends_nothing(shop: Client, gateways: Gateways, settler: Settler) -> None:
    open_breaker("primary")
    open_breaker("secondary")
    payment = accepted(shop)
    customer_of(payment)
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.error_code) == ("failed", 6, "no_gateway")
    assert payment.level_reason == "the breaker of primary is open; the breaker of secondary is open"
    # At once: the tries would all be over before a breaker lets one through.
    assert (payment.attempts.count(), payment.retry_count, mails(payment)) == (0, 0, ["resume"])


def test_where_a_breaker_soon_lets_a_trial_through_it_is_waited_for(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    open_breaker("primary")
    open_breaker("secondary")
    Circuit.objects.filter(gateway="secondary").update(try_at=database_now() + timedelta(seconds=4))
    payment = accepted(shop)
    settler.drain()
    assert reload(payment).status == "retrying"
    advance(6)
    settle(settler, payment)
    assert (reload(payment).status, gateways.requests(payment)) == ("success", (0, 1))


def test_a_link_waits_for_no_gateway_where_both_answer(shop: Client, gateways: Gateways, settler: Settler) -> None:
    """Both gateways answer, and process nothing: who wants to try again can do so now."""
    payment = accepted(shop, token="tok_processing_error")
    customer_of(payment)
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.error_code) == ("failed", 6, "processing_error")
    assert mails(payment) == ["failed"]


# Every class of decline, at both gateways.


@pytest.mark.parametrize(
    ("code", "requests", "level"),
    [
        ("issuer_unavailable", (2, 1), 5),
        ("velocity", (2, 1), 5),
        ("3ds_failed", (1, 0), 5),
        ("expired_card", (1, 0), 5),
        ("lost_card", (1, 0), 5),
        ("processing_error", (3, 2), 6),
        ("rate_limit", (3, 2), 6),
        ("nobody_mapped_this", (1, 0), 5),
    ],
)
def test_each_class_of_decline_is_tried_as_often_as_it_may_be(
    shop: Client, gateways: Gateways, settler: Settler, code: str, requests: tuple[int, int], level: int
) -> None:
    for sandbox in (gateways.primary, gateways.secondary):
        sandbox.arm("decline", params={"code": code})
    payment = settle(settler, accepted(shop))
    assert (payment.status, payment.level, payment.error_code) == ("failed", level, code)
    assert (gateways.requests(payment), gateways.captures(payment)) == (requests, (0, 0))


@pytest.mark.parametrize(("most", "code", "attempts"), [(0, "velocity", 1), (1, "velocity", 2), (2, "rate_limit", 3)])
def test_a_payments_own_cap_of_retries_caps_every_class(
    shop: Client, gateways: Gateways, settler: Settler, most: int, code: str, attempts: int
) -> None:
    for sandbox in (gateways.primary, gateways.secondary):
        sandbox.arm("decline", params={"code": code})
    payment = accepted(shop)
    Payment.objects.update(max_retries=most)
    payment = settle(settler, payment)
    assert (payment.status, payment.attempts.count(), payment.retry_count) == ("failed", attempts, most)


# Fraud.


@pytest.mark.parametrize("code", FRAUD)
@pytest.mark.parametrize("at", ["primary", "secondary"])
def test_no_reason_of_fraud_reaches_anybody(
    shop: Client, gateways: Gateways, settler: Settler, api_key: str, code: str, at: str
) -> None:
    if at == "secondary":
        gateways.down("primary")
    getattr(gateways, at).arm("decline", params={"code": code})
    payment = settle(settler, accepted(shop))
    assert (payment.status, payment.level, payment.error_code) == ("failed", 5, code)
    said = everything_the_api_says(Api(api_key), payment)
    assert payment.pk in said
    for word in (code, "fraud", "stolen", "lost_card", "pickup", "blocklist", "Do not tell"):
        assert word not in said
    assert CustomerMessage.objects.count() == 0


def test_the_bank_is_asked_at_another_gateway_where_no_call_leaves_to_the_one_that_declined(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    payment = accepted(shop)
    claim(10, BECAUSE)
    after(Attempt.objects.get(), Kind.DECLINED, decline_code="generic_decline")
    open_breaker("primary")
    payment = settle(settler, payment, turns=1)
    assert (payment.status, payment.gateway, payment.level) == ("requires_action", "secondary", 3)


def test_the_bank_is_not_asked_while_the_customer_is_away(shop: Client, gateways: Gateways, settler: Settler) -> None:
    """An order that was accepted for later goes to the other gateway instead."""
    gateways.primary.arm("decline", params={"code": "generic_decline"})
    payment = accepted(shop)
    Payment.objects.update(queued_at=database_now())
    claim(10, BECAUSE)
    payment = after(Attempt.objects.get(), Kind.DECLINED, decline_code="generic_decline")
    Allowance.objects.all().delete()
    settle(settler, payment, turns=2)
    assert [attempt.three_d_secure for attempt in Attempt.objects.order_by("number")] == [False, False]
    assert Attempt.objects.get(number=2).gateway == "secondary"
