"""Events of gateways in the console: shown as they came, escaped, and applied again by those who may and say why."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from payments.admin.gateway_event.body import MOST, readable
from payments.admin.operator_task import ADVICE
from payments.clock import database_now
from payments.models import AuditEntry, Client, GatewayEvent, OperatorTask, RefusedWebhook
from payments.services.gateway_events.store import count_refusal
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import sent
from tests.payments.webhooks.sending import body_of, charge_of, stored

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/gatewayevent/"
AGAIN = f"{LIST}again/"
RANGE = f"{LIST}again-range/"


@pytest.fixture
def event(shop: Client) -> GatewayEvent:
    attempt = sent(shop)
    body = body_of("evt_1", "charge.succeeded", charge_of(attempt, metadata={"note": "<script>alert(1)</script>"}))
    return ended(stored(attempt, "charge.succeeded", body=body, reference="ch_1"))


def ended(event: GatewayEvent, state: str = "applied") -> GatewayEvent:
    GatewayEvent.objects.filter(pk=event.pk).update(
        state=state, due_at=None, applied_at=event.received_at, note="Done."
    )
    event.refresh_from_db()
    return event


def states() -> list[str]:
    return list(GatewayEvent.objects.order_by("pk").values_list("state", flat=True))


def test_the_list_tells_what_came_and_what_it_led_to(event: GatewayEvent, viewer: Browser) -> None:
    page = text_of(viewer, LIST)
    for text in (
        "charge.succeeded",
        "primary",
        "Applied",
        "Done.",
        f"/admin/payments/payment/{event.payment_id}/change/",
    ):
        assert text in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        *(("", 3), ("state__exact=applied", 1), ("state__exact=ignored", 1), ("gateway=secondary", 1)),
        *(("gateway=primary", 2), ("queue=parked", 1), ("q=evt_2", 1), ("q=nothing", 0)),
    ],
)
def test_the_list_is_filtered_and_searched(event: GatewayEvent, viewer: Browser, query: str, count: int) -> None:
    ended(stored(None, "payout.paid", number=2, gateway="secondary"), "ignored")
    GatewayEvent.objects.filter(pk=stored(None, "charge.failed", number=3).pk).update(state="parked")
    assert viewer.get(f"{LIST}?{query}").context["cl"].result_count == count


def test_the_page_shows_the_body_readable_and_escaped(event: GatewayEvent, viewer: Browser) -> None:
    page = text_of(viewer, f"{LIST}{event.pk}/change/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    assert "  &quot;type&quot;: &quot;charge.succeeded&quot;" in page
    assert event.gateway_key in page
    assert "Apply again" not in page


def test_a_body_that_is_no_json_is_shown_as_it_is(viewer: Browser) -> None:
    event = stored(None, "", body=b"<b>\xff\x00 not json")
    page = text_of(viewer, f"{LIST}{event.pk}/change/")
    assert "&lt;b&gt;\ufffd" in page
    assert "<b>\ufffd" not in page
    assert "unreadable" in page


def test_a_long_body_is_cut_and_says_so() -> None:
    assert readable(b"x" * (MOST + 7)) == "x" * MOST + "\n… (7 more characters)"


def test_an_event_is_applied_again_with_a_reason(event: GatewayEvent, operator: Browser) -> None:
    assert f"{AGAIN}?chosen={event.pk}" in text_of(operator, f"{LIST}{event.pk}/change/")
    assert "The gateway is asked again" in text_of(operator, f"{AGAIN}?chosen={event.pk}")
    answer = operator.post(f"{AGAIN}?chosen={event.pk}", {"reason": "to be sure"}, follow=True)
    assert "1 event is applied again within seconds." in answer.content.decode()
    assert states() == ["received"]
    entry = AuditEntry.objects.get(action="event.applied_again")
    assert (entry.actor, entry.cause, entry.reason) == ("operator:anna", "console:apply-again", "to be sure")


def test_chosen_rows_of_the_list_are_applied_again(event: GatewayEvent, operator: Browser) -> None:
    other = ended(stored(None, "payout.paid", number=2), "ignored")
    ended(stored(None, "payout.paid", number=3), "ignored")
    data = {"action": "apply_again", "_selected_action": [event.pk, other.pk], "index": "0"}
    answer = operator.post(LIST, data)
    assert (answer.status_code, answer["Location"]) == (302, f"{AGAIN}?chosen={event.pk},{other.pk}")
    assert states() == ["applied", "ignored", "ignored"]
    operator.post(answer["Location"], {"reason": "after an upgrade"})
    assert states() == ["received", "received", "ignored"]


def test_all_of_a_time_are_applied_again(event: GatewayEvent, operator: Browser) -> None:
    early = ended(stored(None, "payout.paid", number=2), "ignored")
    GatewayEvent.objects.filter(pk=early.pk).update(received_at=database_now() - timedelta(hours=5))
    ended(stored(None, "payout.paid", number=3, gateway="secondary"), "ignored")
    now = database_now()
    times = {
        "since": f"{now - timedelta(hours=1):%Y-%m-%d %H:%M}",
        "until": f"{now + timedelta(minutes=1):%Y-%m-%d %H:%M}",
    }
    page = operator.post(RANGE, {**times, "gateway": "primary", "reason": "outage"}, follow=True).content.decode()
    assert "1 event is applied again" in page
    assert states() == ["received", "ignored", "ignored"]
    operator.post(RANGE, {**times, "gateway": "", "reason": "outage"})
    assert states() == ["received", "ignored", "received"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"reason": "because"},
        {"since": "2026-01-01 00:00", "until": "2026-01-02 00:00", "reason": " "},
        {"since": "2026-01-02 00:00", "until": "2026-01-01 00:00", "reason": "because"},
        {"since": "x", "until": "2036-01-01 00:00", "reason": "because"},
        {"since": "2026-01-01 00:00", "until": "2036-01-01 00:00", "reason": "because", "gateway": "tertiary"},
    ],
)
def test_without_times_or_a_reason_nothing_is_done(
    event: GatewayEvent, operator: Browser, given: dict[str, Any]
) -> None:
    assert operator.post(RANGE, given).status_code == 200
    assert states() == ["applied"]


def test_reading_the_addresses_does_nothing(event: GatewayEvent, operator: Browser) -> None:
    operator.get(f"{AGAIN}?chosen={event.pk}&reason=because")
    operator.get(f"{RANGE}?since=2026-01-01+00:00&until=2036-01-01+00:00&reason=because")
    assert operator.post(f"{AGAIN}?chosen={event.pk}", {"reason": " "}).status_code == 200
    assert states() == ["applied"]


def test_a_viewer_applies_nothing(event: GatewayEvent, viewer: Browser) -> None:
    for address in (f"{AGAIN}?chosen={event.pk}", RANGE):
        assert viewer.get(address).status_code == 403
        assert viewer.post(address, {"reason": "let me"}).status_code == 403
    data = {"action": "apply_again", "_selected_action": [event.pk], "index": "0"}
    assert viewer.post(LIST, data).status_code in {200, 302}
    assert "again-range" not in text_of(viewer, LIST)
    assert states() == ["applied"]


@pytest.mark.parametrize("chosen", ["", "x", "0", "²", "9" * 30, "-1"])
def test_what_does_not_exist_is_not_found(operator: Browser, chosen: str) -> None:
    assert operator.get(AGAIN, {"chosen": chosen}).status_code == 404
    assert operator.get(f"{LIST}{chosen or 'x'}/change/").status_code == 404


def test_refusals_are_shown_as_counts(db: None, viewer: Browser) -> None:
    for _ in range(3):
        count_refusal("primary", "bad_signature")
    page = text_of(viewer, "/admin/payments/refusedwebhook/")
    assert "the signature is not the gateway&#x27;s" in page
    row = RefusedWebhook.objects.get()
    assert row.count == 3
    assert viewer.post(f"/admin/payments/refusedwebhook/{row.pk}/change/", {"count": 0}).status_code == 403
    row.refresh_from_db()
    assert row.count == 3


@pytest.fixture
def task(db: None) -> OperatorTask:
    stored(None, "", body=b"not json")
    return OperatorTask.objects.create(
        kind="unreadable_event", subject="primary event evt_1", detail="It cannot be <b>read</b>."
    )


def test_a_task_about_no_payment_is_shown_and_closed(task: OperatorTask, operator: Browser) -> None:
    page = f"/admin/payments/operatortask/{task.pk}/"
    event = GatewayEvent.objects.get()
    shown = text_of(operator, f"{page}change/")
    for text in (
        "primary event evt_1",
        "It cannot be &lt;b&gt;read",
        "signed by the gateway",
        f"{LIST}{event.pk}/change/",
    ):
        assert text in shown
    assert "/admin/payments/payment/" not in shown.partition('class="console ')[2]
    assert "primary event evt_1" in text_of(operator, "/admin/payments/operatortask/")
    assert "What it is about stays as it is." in text_of(operator, f"{page}close/")
    entries = AuditEntry.objects.count()
    operator.post(f"{page}close/", {"reason": "Reported."})
    task.refresh_from_db()
    assert (task.closed_by, task.resolution, AuditEntry.objects.count()) == ("anna", "Reported.", entries)


def test_the_front_page_counts_tasks_about_no_payment_and_parked_events(task: OperatorTask, operator: Browser) -> None:
    GatewayEvent.objects.filter(pk=stored(None, "charge.failed", number=2).pk).update(state="parked")
    cards = {card.queue.slug: (card.count, card.at_risk) for card in operator.get("/admin/").context["cards"]}
    assert cards["open"] == (1, [])
    assert cards["parked"] == (1, [])


def test_every_kind_of_task_has_advice() -> None:
    assert set(ADVICE) == set(OperatorTask.Kind.values)
