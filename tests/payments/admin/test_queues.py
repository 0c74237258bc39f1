"""The work queues: who is in them, since when, and what is at risk."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.admin.overview import queues
from payments.admin.overview.queues import Card, cards
from payments.clock import database_now
from payments.gateways.base import Kind, Outcome
from payments.models import Attempt, Client, GatewayEvent, OperatorTask, Payment, SurplusCharge
from payments.services.ask_now import ask_now
from payments.services.give_back import heard as told
from tests.payments.admin.breaking import fail, without_gateway
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, accepted, after, sent

pytestmark = pytest.mark.django_db


def found() -> dict[str, Card]:
    return {card.queue.slug: card for card in cards(database_now())}


def counts() -> dict[str, int]:
    return {slug: card.count for slug, card in found().items() if card.count}


def test_a_payment_that_is_well_is_in_no_queue(shop: Client) -> None:
    accepted(shop)
    after(sent(shop, "key-2", order="order-2"), Kind.SUCCEEDED)
    assert counts() == {}


def test_an_unknown_outcome_is_at_risk_per_currency(shop: Client) -> None:
    after(sent(shop), Kind.UNKNOWN)
    after(sent(shop, "key-2", order="order-2", amount=300), Kind.UNKNOWN)
    after(sent(shop, "key-3", order="order-3", amount=1005, currency="KWD"), Kind.UNKNOWN)
    card = found()["unknown"]
    assert (card.count, card.at_risk) == (3, ["1.005 KWD", "15.50 USD"])
    assert counts() == {"unknown": 3}


def test_a_payment_due_for_over_two_minutes_is_stuck(shop: Client) -> None:
    payment = accepted(shop)
    Payment.objects.filter(pk=payment.pk).update(due_at=Now() - timedelta(seconds=119))
    assert counts() == {}
    Payment.objects.filter(pk=payment.pk).update(due_at=Now() - timedelta(seconds=200))
    card = found()["stuck"]
    assert (card.count, card.at_risk) == (1, ["12.50 USD"])
    assert card.oldest in {"3 min 20 s", "3 min 21 s"}


def test_only_failures_of_today_count_as_failed_today(shop: Client) -> None:
    payment = after(sent(shop), Kind.DECLINED, decline_code="expired_card")
    assert counts() == {"failed_today": 1}
    Payment.objects.filter(pk=payment.pk).update(processed_at=Now() - timedelta(days=1))
    assert counts() == {}


def test_an_open_task_is_counted_until_it_is_closed(shop: Client) -> None:
    after(sent(shop), Kind.UNKNOWN, alert=True)
    assert counts() == {"unknown": 1, "open": 1}
    assert found()["open"].at_risk == ["12.50 USD"]
    OperatorTask.objects.update(closed_at=Now())
    assert counts() == {"unknown": 1}


def test_what_a_person_must_decide_is_in_review(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN)
    Attempt.objects.update(sent_at=Now() - timedelta(days=2))
    payment = after(attempt, Kind.UNKNOWN, looked=True)
    assert payment.status == "review"
    assert counts() == {"unknown": 1, "review": 1, "open": 1}


def test_money_is_to_be_given_back_until_the_gateway_gave_it_back(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    after(attempt, Kind.SUCCEEDED, reference="ch_2")
    charge = SurplusCharge.objects.get()
    SurplusCharge.objects.update(found_at=Now() - timedelta(seconds=200))
    card = found()["to_return"]
    assert (card.count, card.at_risk, card.url) == (
        1,
        ["12.50 USD"],
        "/admin/payments/surpluscharge/?queue=to_return",
    )
    assert card.oldest in {"3 min 20 s", "3 min 21 s"}
    told(charge.pk, Outcome(Kind.REJECTED, "rejected"), BECAUSE)
    assert counts() == {"to_return": 1, "open": 2}
    told(charge.pk, Outcome(Kind.VOIDED, "canceled"), BECAUSE)
    assert counts() == {"open": 2}


def test_no_queue_reads_more_rows_than_its_cap(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "CAP", 2)
    for number in range(3):
        after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.UNKNOWN)
    card = found()["unknown"]
    assert (card.count, card.is_capped, card.at_risk) == (2, True, ["25.00 USD"])


def test_all_queues_are_read_with_one_statement_each(shop: Client, django_assert_num_queries: Any) -> None:
    for number in range(3):
        after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.UNKNOWN)
    now = database_now()
    with django_assert_num_queries(len(cards(now))):
        cards(now)


@pytest.mark.parametrize(
    ("values", "is_counted"),
    [
        ({}, False),
        ({"received_at": Now() - timedelta(minutes=9)}, False),
        ({"received_at": Now() - timedelta(minutes=11)}, True),
        ({"tries": 1}, True),
        ({"tries": 1, "state": "applied"}, False),
        ({"tries": 1, "state": "given_up"}, False),
        ({"tries": 1, "state": "ignored", "due_at": None}, False),
    ],
)
def test_a_gateways_event_waits_from_its_first_try_on_or_after_ten_minutes(
    values: dict[str, Any], is_counted: bool, operator: Browser
) -> None:
    GatewayEvent.objects.create(gateway="primary", event_id="evt_1", type="charge.succeeded", body=b"{}")
    GatewayEvent.objects.update(**values)
    assert counts() == ({"unconfirmed": 1} if is_counted else {})
    listed = operator.get(found()["unconfirmed"].url)
    assert listed.context["cl"].result_count == int(is_counted)


def test_a_parked_event_is_counted_once(shop: Client) -> None:
    GatewayEvent.objects.create(gateway="primary", event_id="evt_1", body=b"{}", tries=3, state="parked")
    assert counts() == {"parked": 1}


def test_how_long_a_gateways_event_has_been_waiting_is_said() -> None:
    GatewayEvent.objects.create(gateway="primary", event_id="evt_1", body=b"{}", tries=3)
    GatewayEvent.objects.update(received_at=Now() - timedelta(hours=5, seconds=30))
    assert found()["unconfirmed"].oldest == "5 h"


def test_waiting_events_are_found_by_the_index_of_those_that_are_not_applied() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("The plan is SQLite's; PostgreSQL reads so few rows without any index.")
    plan = queues.UNCONFIRMED.rows(database_now()).order_by("pk")[:10].explain()
    assert "gateway_event_by_state" in plan


def test_asking_now_does_not_make_a_payment_stuck(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN)
    ask_now(payment.pk, BECAUSE, "customer called")
    assert counts() == {"unknown": 1}


def test_accepted_orders_are_a_work_queue_with_age_and_value(shop: Client, operator: Browser) -> None:
    fail("primary")
    fail("secondary")
    queued = without_gateway(shop, "trusted", trusted=True)
    assert (queued.status, queued.level, without_gateway(shop, "stranger", trusted=False).status) == (
        "retrying",
        4,
        "failed",
    )
    card = text_of(operator, "/admin/").partition('data-queue="queued"')[2].partition("</a>")[0]
    assert '<span class="console-card-count">1</span>' in card
    assert "12.50 USD" in card
    assert "Oldest: " in card
    listed = operator.get("/admin/payments/payment/?queue=queued").context["cl"].result_list
    assert [payment.pk for payment in listed] == [queued.pk]


def test_a_payment_that_is_merely_tried_again_is_not_in_the_queue(shop: Client, operator: Browser) -> None:
    after(sent(shop), Kind.NOT_SENT, "refused")
    accepted(shop, "fresh", order="fresh")
    assert operator.get("/admin/payments/payment/?queue=queued").context["cl"].result_count == 0
