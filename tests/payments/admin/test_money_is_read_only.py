"""Not even an administrator adds, edits or deletes money through the console, by pages or by posting (G1, G4)."""

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client as Browser
from django.urls import reverse

from payments import models
from payments.gateways.base import EventNotice, Kind
from payments.models import Client
from payments.services.decline_rules import RuleValues, change, note_unmapped
from payments.services.gateway_events.store import count_refusal, store
from payments.services.publish import publish
from payments.services.recover import recover
from tests.payments.admin.breaking import fail
from tests.payments.conftest import BECAUSE, after, sent

pytestmark = pytest.mark.django_db

MONEY = [
    models.Payment,
    models.Attempt,
    models.AuditEntry,
    models.LedgerPosting,
    models.IdempotencyRecord,
    models.OperatorTask,
    models.Order,
    models.SurplusCharge,
    models.RecoveryRun,
    models.Circuit,
    models.DeclineRuleChange,
    models.UnmappedDecline,
    models.CustomerMessage,
    models.Notice,
    models.Event,
    models.Delivery,
    models.GatewayEvent,
    models.RefusedWebhook,
]


@pytest.fixture
def rows(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, alert=True)
    after(attempt, Kind.SUCCEEDED, reference="ch_1", looked=True)
    after(attempt, Kind.SUCCEEDED, reference="ch_2")
    recover(models.RecoveryRun.Trigger.SCHEDULE, BECAUSE)
    note_unmapped([("primary", "moon_phase")])
    change("", "sun_phase", RuleValues("fraud", "The sun"), seen=None, operator="anna", reason="known")
    fail("primary")
    models.WebhookEndpoint.objects.create(client=shop, url="https://shop.test/events", secret="whsec_x")
    publish()
    store("primary", EventNotice("evt_1", type="charge.succeeded"), b"{}")
    count_refusal("primary", "bad_signature")
    models.CustomerMessage.objects.create(payment=attempt.payment, kind="delayed", address="eva@example.com")
    models.Notice.objects.create(kind="x", key="x:1", channel="email", subject="Something", text="happened")


def contents(model: type[Model]) -> list[dict[str, Any]]:
    return list(model._default_manager.order_by("pk").values())


@pytest.mark.parametrize("model", MONEY)
@pytest.mark.parametrize("act", ["add", "change", "delete"])
def test_posting_to_an_address_is_refused(rows: None, administrator: Browser, model: type[Model], act: str) -> None:
    row = contents(model)[0]
    filled = {name: value for name, value in row.items() if value is not None}
    name = f"admin:payments_{model.__name__.lower()}_{act}"
    url = reverse(name) if act == "add" else reverse(name, args=[row["id"]])
    before = contents(model)
    assert administrator.post(url, {**filled, "amount": 1, "post": "yes"}).status_code == 403
    assert contents(model) == before


@pytest.mark.parametrize("model", MONEY)
@pytest.mark.parametrize("act", ["add", "delete"])
def test_there_is_no_page_to_add_or_delete(rows: None, administrator: Browser, model: type[Model], act: str) -> None:
    name = f"admin:payments_{model.__name__.lower()}_{act}"
    url = reverse(name) if act == "add" else reverse(name, args=[contents(model)[0]["id"]])
    assert administrator.get(url).status_code == 403


@pytest.mark.parametrize("model", MONEY)
def test_there_is_no_bulk_action(rows: None, administrator: Browser, model: type[Model]) -> None:
    before = contents(model)
    url = reverse(f"admin:payments_{model.__name__.lower()}_changelist")
    data = {"action": "delete_selected", "_selected_action": [before[0]["id"]], "post": "yes", "index": "0"}
    assert administrator.post(url, data).status_code in {200, 302, 403}
    assert contents(model) == before


def test_every_model_of_payments_in_the_console_is_known_here() -> None:
    editable = {models.Client, models.ApiKey, models.CustomerStanding, models.DeclineRule, models.WebhookEndpoint}
    shown = {model for model in admin.site._registry if model._meta.app_label == "payments"}
    assert shown == {*MONEY, *editable}


def test_nothing_that_a_dependency_registers_is_in_the_console() -> None:
    apps = {model._meta.app_label for model in admin.site._registry}
    assert apps == {"payments", "refunds", "disputes", "auth"}
