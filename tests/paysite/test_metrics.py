"""`/metrics`: figures in Prometheus' text format, for keys that may read them, without a reason of fraud."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from payments.gateways.base import EventNotice, Kind
from payments.models import (
    ApiKey,
    Client,
    Delivery,
    GatewayEvent,
    GatewayHealth,
    Payment,
    UnmappedDecline,
    WebhookEndpoint,
)
from payments.services import circuits
from payments.services.gateway_events.store import count_refusal, store
from payments.services.publish import publish
from paysite.metrics import CONTENT_TYPE
from tests.payments.admin.breaking import fail, next_attempt, without_gateway
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db

# A line of the text format: name, labels, whole number.
SAMPLE = re.compile(r'[a-z_]+(\{([a-z_]+="[^"\n]*"(,(?!\})|(?=\})))+\})? -?[0-9]+')


@pytest.fixture
def shop() -> Client:
    return Client.objects.create(slug="shop", name="Shop", form_secret="form-secret")


@pytest.fixture
def key(shop: Client) -> str:
    return ApiKey.issue(client=shop, scopes=["metrics:read"], mode="test", label="tests")[1]


def ask(key: str = "", method: str = "get", **headers: str) -> HttpResponse:
    if key:
        headers["authorization"] = f"Bearer {key}"
    return getattr(Browser(raise_request_exception=False), method)("/metrics", headers=headers)  # type: ignore[no-any-return]


def read(key: str) -> dict[str, int]:
    """Return every sample by its name with labels; every line is one, or about one."""
    response = ask(key)
    assert (response.status_code, response["Content-Type"]) == (200, CONTENT_TYPE)
    text = response.content.decode()
    assert text.endswith("\n")
    lines = [line for line in text.splitlines() if not line.startswith(("# HELP ", "# TYPE "))]
    assert [line for line in lines if not SAMPLE.fullmatch(line)] == []
    return {name: int(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_payments_are_counted_by_the_levels_that_they_went_down_to(shop: Client, key: str) -> None:
    after(sent(shop), Kind.SUCCEEDED)
    payment = after(sent(shop, "key-2", order="order-2"), Kind.DECLINED, decline_code="do_not_honor")
    payment = after(next_attempt(payment), Kind.DECLINED, decline_code="do_not_honor")
    found = read(key)
    assert [found[f'paysite_payments_level_total{{level="{level}"}}'] for level in range(2, 7)] == [1, 0, 0, 0, 0]
    # It goes on to another gateway: what was counted stays counted.
    after(next_attempt(payment), Kind.SUCCEEDED)
    after(sent(shop, "key-3", order="order-3"), Kind.DECLINED, decline_code="expired_card")
    found = read(key)
    assert [found[f'paysite_payments_level_total{{level="{level}"}}'] for level in range(2, 7)] == [2, 2, 1, 1, 0]


def test_every_breaker_has_one_state(key: str) -> None:
    fail("primary")
    circuits.hold_open("secondary", "refund", "anna", "maintenance")
    found = read(key)
    states = {name: value for name, value in found.items() if name.startswith("paysite_breaker_state{")}
    assert (len(states), sum(states.values())) == (24, 8)
    for gateway, operation, state in (
        ("primary", "charge", "open"),
        ("primary", "look_up", "closed"),
        ("secondary", "refund", "open"),
    ):
        assert states[f'paysite_breaker_state{{gateway="{gateway}",operation="{operation}",state="{state}"}}'] == 1
    held = {name for name, value in found.items() if name.startswith("paysite_breaker_held") and value}
    assert held == {'paysite_breaker_held{gateway="secondary",operation="refund"}'}


def test_the_queue_of_accepted_orders_has_count_worth_and_age(shop: Client, key: str) -> None:
    assert (read(key)["paysite_queued_payments"], read(key)["paysite_queued_oldest_seconds"]) == (0, 0)
    fail("primary")
    fail("secondary")
    payment = without_gateway(shop, "trusted", trusted=True)
    without_gateway(shop, "stranger", trusted=False)
    Payment.objects.filter(pk=payment.pk).update(queued_at=Now() - timedelta(seconds=200))
    found = read(key)
    assert (found["paysite_queued_payments"], found['paysite_queued_amount_minor{currency="USD"}']) == (1, 1250)
    assert 200 <= found["paysite_queued_oldest_seconds"] <= 205


def test_unknown_outcomes_open_tasks_unmapped_declines_and_health_are_counted(shop: Client, key: str) -> None:
    after(sent(shop), Kind.UNKNOWN, alert=True)
    UnmappedDecline.objects.create(gateway="primary", code="moon_phase", count=3)
    UnmappedDecline.objects.create(gateway="secondary", code="tide", count=4)
    GatewayHealth.objects.create(gateway="primary", due_at=Now(), healthy=False)
    GatewayHealth.objects.create(gateway="secondary", due_at=Now())
    found = read(key)
    assert found["paysite_payments_outcome_unknown"] == 1
    assert found["paysite_unmapped_declines_total"] == 7
    assert found['paysite_operator_tasks_open{kind="mismatch"}'] == 1
    assert sum(value for name, value in found.items() if name.startswith("paysite_operator_tasks_open")) == 1
    assert {name: value for name, value in found.items() if name.startswith("paysite_gateway_healthy")} == {
        'paysite_gateway_healthy{gateway="primary"}': 0
    }


def test_events_for_shops_and_their_deliveries_are_counted(shop: Client, key: str) -> None:
    make = WebhookEndpoint.objects.create
    make(client=shop, url="https://shop.test/1", secret="whsec_x")
    make(client=shop, url="https://shop.test/2", secret="whsec_x", failing_since=Now())
    make(client=shop, url="https://shop.test/3", secret="whsec_x", is_enabled=False, disabled_at=Now())
    make(client=shop, url="https://shop.test/4", secret="whsec_x", deleted_at=Now())
    after(sent(shop), Kind.SUCCEEDED)
    assert read(key)["paysite_events_unpublished"] == 2
    publish()
    Delivery.objects.filter(pk=Delivery.objects.order_by("pk")[0].pk).update(state="failed")
    Delivery.objects.filter(state="pending").update(created_at=Now() - timedelta(seconds=200))
    found = read(key)
    states = ("pending", "delivered", "failed")
    assert [found[f'paysite_deliveries{{state="{state}"}}'] for state in states] == [3, 0, 1]
    assert (found["paysite_events_unpublished"], found["paysite_deliveries_pending"]) == (0, 3)
    assert 200 <= found["paysite_deliveries_pending_oldest_seconds"] <= 205
    states = ("working", "failing", "disabled")
    assert [found[f'paysite_webhook_endpoints{{state="{state}"}}'] for state in states] == [1, 1, 1]


def test_events_of_gateways_and_refusals_are_counted(key: str) -> None:
    for number, type_ in enumerate(("payout.paid", "charge.succeeded", "charge.succeeded")):
        store("primary", EventNotice(f"evt_{number}", type=type_), b"{}")
    GatewayEvent.objects.filter(event_id="evt_0").update(state="ignored", due_at=None)
    GatewayEvent.objects.filter(event_id="evt_1").update(received_at=Now() - timedelta(hours=2))
    for reason in ("bad_signature", "too_old", "bad_signature"):
        count_refusal("secondary", reason)
    found = read(key)
    counted = {name: value for name, value in found.items() if name.startswith("paysite_webhooks_") and value}
    assert counted == {
        'paysite_webhooks_refused_total{gateway="secondary",reason="bad_signature"}': 2,
        'paysite_webhooks_refused_total{gateway="secondary",reason="too_old"}': 1,
        'paysite_webhooks_events{gateway="primary",state="ignored"}': 1,
        'paysite_webhooks_events{gateway="primary",state="received"}': 1,
        "paysite_webhooks_waiting": 2,
    }
    assert found['paysite_webhooks_events{gateway="secondary",state="given_up"}'] == 0


def test_an_empty_installation_has_every_metric_with_help_and_type(key: str) -> None:
    text = ask(key).content.decode()
    names = re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.MULTILINE)
    assert names == re.findall(r"^# HELP (\S+) \S.*\.$", text, re.MULTILINE)
    assert names == [
        "paysite_payments_level_total",
        "paysite_breaker_state",
        "paysite_breaker_held",
        "paysite_queued_payments",
        "paysite_queued_amount_minor",
        "paysite_queued_oldest_seconds",
        "paysite_unmapped_declines_total",
        "paysite_operator_tasks_open",
        "paysite_payments_outcome_unknown",
        "paysite_gateway_healthy",
        "paysite_events_unpublished",
        "paysite_deliveries",
        "paysite_deliveries_pending",
        "paysite_deliveries_pending_oldest_seconds",
        "paysite_webhook_endpoints",
        "paysite_webhooks_refused_total",
        "paysite_webhooks_events",
        "paysite_webhooks_waiting",
        "paysite_refunds_open",
        "paysite_refunds_open_amount_minor",
        "paysite_refund_list_age_seconds",
    ]


@pytest.mark.parametrize("code", ["stolen_card", "lost_card", "pickup_card", "fraud_detected", "blocklist"])
def test_no_reason_of_fraud_is_in_it(shop: Client, key: str, code: str) -> None:
    after(sent(shop), Kind.DECLINED, decline_code=code, message=f"{code} said the bank")
    UnmappedDecline.objects.create(gateway="primary", code=f"{code}_2", count=1)
    text = ask(key).content.decode()
    assert 'paysite_payments_level_total{level="5"} 1' in text
    assert code not in text
    assert "fraud" not in text


def test_it_takes_few_statements_however_many_rows_there_are(shop: Client, key: str) -> None:
    ask(key)
    counts = []
    for number in range(3):
        with CaptureQueriesContext(connection) as queries:
            assert ask(key).status_code == 200
        counts.append(len(queries))
        after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.UNKNOWN, alert=True)
        UnmappedDecline.objects.create(gateway="primary", code=f"code-{number}", count=1)
    # On PostgreSQL the time as well, for payments and for refunds.
    assert counts == [16 + 2 * (connection.vendor == "postgresql")] * 3


def test_a_gateways_name_cannot_break_out_of_its_label(key: str) -> None:
    fail('a"b\\c\nd')
    text = ask(key).content.decode()
    assert r'paysite_breaker_held{gateway="a\"b\\c\nd",operation="charge"} 0' in text.splitlines()


def test_it_needs_a_key_with_the_scope(shop: Client) -> None:
    others = ["payments:read", "payments:write", "audit:read", "checkout:write", "recovery:run"]
    other = ApiKey.issue(client=shop, scopes=others, mode="test", label="tests")[1]
    for response, status, code in (
        (ask(), 401, "unauthenticated"),
        (ask("psk_test_of_nobody_at_all_000"), 401, "unauthenticated"),
        (ask(other), 403, "scope_missing"),
    ):
        assert response.status_code == status
        assert f'"code":"{code}"' in response.content.decode()
        assert "paysite_" not in response.content.decode()


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(key: str, method: str) -> None:
    assert ask(key, method).status_code == 405


def test_it_answers_as_text_whatever_is_asked_for(key: str) -> None:
    response = ask(key, accept="application/openmetrics-text; version=1.0.0")
    assert (response.status_code, response["Content-Type"]) == (200, CONTENT_TYPE)


def test_it_is_no_part_of_the_described_api() -> None:
    assert '"/metrics"' not in Browser().get("/api/schema").content.decode()
