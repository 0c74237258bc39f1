"""`POST /webhooks/{gateway}`: stored once and before it is acknowledged, by one statement (E1, 28, 30)."""

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from payments.models import AuditEntry, Client, GatewayEvent, Payment, RefusedWebhook
from tests.payments.conftest import sent
from tests.payments.webhooks.sending import ADDRESS, body_of, charge_of, deliver, headers_of, send

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_signed_event_is_stored_as_it_came_and_changes_nothing_else(shop: Client) -> None:
    attempt = sent(shop)
    before = (list(Payment.objects.values()), AuditEntry.objects.count())
    body = body_of("evt_1", "charge.succeeded", charge_of(attempt))
    answer = deliver(body, headers_of("evt_1", body))
    assert (answer.status_code, json.loads(answer.content)) == (200, {"received": True})
    event = GatewayEvent.objects.get()
    assert (event.gateway, event.event_id, event.type, bytes(event.body)) == (
        *("primary", "evt_1", "charge.succeeded"),
        body,
    )
    assert (event.reference, event.gateway_key, event.payment_id) == ("ch_1", attempt.gateway_key, attempt.payment_id)
    assert (event.state, event.times_received, event.tries, event.fence) == ("received", 1, 0, 0)
    assert event.happened_at is not None
    assert event.happened_at.isoformat() == "2026-09-21T14:13:20+00:00"
    assert event.due_at is not None
    assert event.due_at <= event.last_received_at
    assert (list(Payment.objects.values()), AuditEntry.objects.count()) == before


def test_the_path_takes_one_statement(shop: Client) -> None:
    charge = charge_of(sent(shop))
    send("evt_0", "charge.succeeded", charge)
    with CaptureQueriesContext(connection) as queries:
        send("evt_1", "charge.succeeded", charge)
    # PostgreSQL's prepared statement does not go through Django's log, so that nothing may be left in it.
    expected = [] if connection.vendor == "postgresql" else ["INSERT"]
    assert [query["sql"].split()[0] for query in queries] == expected


def test_an_event_that_comes_again_is_counted_and_its_first_body_stays(shop: Client) -> None:
    charge = charge_of(sent(shop))
    send("evt_1", "charge.succeeded", charge)
    first = GatewayEvent.objects.get()
    GatewayEvent.objects.update(state="applied", due_at=None)
    for _ in range(2):
        assert send("evt_1", "charge.failed", charge).status_code == 200
    event = GatewayEvent.objects.get()
    assert (event.times_received, event.state, event.due_at) == (3, "applied", None)
    assert (bytes(event.body), event.type, event.received_at) == (bytes(first.body), first.type, first.received_at)
    assert event.last_received_at >= first.last_received_at


def test_two_gateways_may_use_the_same_event_id(shop: Client) -> None:
    body = body_of("evt_1", "charge.succeeded", charge_of(sent(shop)))
    for name in ("primary", "secondary"):
        assert deliver(body, headers_of("evt_1", body), f"/webhooks/{name}").status_code == 200
    assert set(GatewayEvent.objects.values_list("gateway", "event_id")) == {
        ("primary", "evt_1"),
        ("secondary", "evt_1"),
    }


def test_a_newer_version_is_stored_and_ignored(shop: Client) -> None:
    document = json.loads(body_of("evt_1", "charge.succeeded", charge_of(sent(shop))))
    body = json.dumps({**document, "apiVersion": "10"}).encode()
    assert deliver(body, headers_of("evt_1", body)).status_code == 200
    event = GatewayEvent.objects.get()
    assert (event.state, event.due_at, event.note) == ("ignored", None, "Of version 10, which is newer than 1.")


@pytest.mark.parametrize("body", [b"not json", b"[]", b"", b'{"id": "evt_1"}', b"[" * 5000])
def test_a_signed_body_that_cannot_be_read_is_stored_as_it_came(db: None, body: bytes) -> None:
    assert deliver(body, headers_of("evt_1", body)).status_code == 200
    event = GatewayEvent.objects.get()
    assert (event.type, bytes(event.body), event.state) == ("", body, "received")


def test_what_no_column_can_hold_is_left_out_and_the_event_is_stored(db: None) -> None:
    charge = {"object": "charge", "id": "ch\0", "idempotency_key": "k" * 65, "reference": "p\ud800"}
    body = body_of("evt_1", "charge.\0\ud800odd" + "x" * 200, charge)
    assert deliver(body, headers_of("evt_1", body)).status_code == 200
    event = GatewayEvent.objects.get()
    assert (event.reference, event.gateway_key, event.payment_id) == ("", "", "")
    assert event.type.startswith("charge.")
    assert len(event.type) == 100


def test_without_the_database_there_is_no_2xx(
    shop: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    charge = charge_of(sent(shop))
    with monkeypatch.context() as away:
        # Nobody listens there; nothing is there.
        gone = {"PORT": "9"} if connection.vendor == "postgresql" else {"NAME": tmp_path / "gone" / "db"}
        for name, value in gone.items():
            away.setitem(connection.settings_dict, name, value)
        connection.close()
        answer = send("evt_1", "charge.succeeded", charge)
        refused = deliver(b"{}", {})
        connection.close()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Content-Type"] == "application/problem+json"
    # What nobody has signed is refused all the same, and the log has it.
    assert refused.status_code == 400
    assert "was refused: missing_header" in caplog.text
    assert not GatewayEvent.objects.exists()
    assert not RefusedWebhook.objects.exists()
    assert send("evt_1", "charge.succeeded", charge).status_code == 200
    assert GatewayEvent.objects.get().times_received == 1


def test_a_gateway_that_is_not_ours_is_not_found(db: None) -> None:
    body = body_of("evt_1", "charge.succeeded", {})
    answer = deliver(body, headers_of("evt_1", body), "/webhooks/tertiary")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (404, "not_found")
    assert answer["Content-Type"] == "application/problem+json"
    assert not RefusedWebhook.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head", "options"])
def test_another_method_is_refused(db: None, method: str) -> None:
    answer = getattr(Browser(), method)(ADDRESS)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert not GatewayEvent.objects.exists()


def test_an_address_below_is_a_problem_and_no_page(db: None) -> None:
    answer = Browser().post("/webhooks/primary/more")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
