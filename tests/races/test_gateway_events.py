"""One event delivered many times at the same instant, and many workers at the same events (W01; invariant 28)."""

import time
from collections import Counter

import pytest
from django.db import transaction

from disputes.outcomes import told as received
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, GatewayEvent, LedgerPosting, OperatorTask, Payment, RefusedWebhook
from payments.outcomes import Later, Told
from payments.services import gateway_events
from tests.payments.conftest import BECAUSE, after, sent
from tests.payments.services.conftest import gateway, shared_gateway
from tests.payments.services.gateway_telling import charged, count_calls, old
from tests.payments.webhooks.sending import body_of, charge_of, deliver, headers_of, stored
from tests.races.test_accept import at_once
from tests.sandbox import SandboxProcess

__all__ = ["gateway", "shared_gateway"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_ten_deliveries_at_once_are_one_event_and_ten_2xx(shop: Client) -> None:
    body = body_of("evt_1", "charge.succeeded", charge_of(sent(shop)))
    answers = at_once(10, lambda _: deliver(body, headers_of("evt_1", body)).status_code)
    assert answers == [200] * 10
    event = GatewayEvent.objects.get()
    assert (event.times_received, event.state, bytes(event.body)) == (10, "received", body)


def test_ten_refusals_at_once_are_all_counted(db: None) -> None:
    assert at_once(10, lambda _: deliver(b"{}", {}).status_code) == [400] * 10
    assert RefusedWebhook.objects.get().count == 10
    assert not GatewayEvent.objects.exists()


def test_ten_workers_at_ten_events_of_one_payment_make_one_effect(
    shop: Client, gateway: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = old(sent(shop))
    charge = charged(gateway, attempt)
    for number in range(10):
        stored(attempt, "charge.succeeded", number=number, reference=charge["id"])
    asked = count_calls(monkeypatch)

    def work(_: int) -> int:
        asks = gateway_events.claim(BECAUSE)
        for ask in asks:
            ask()()
        return len(asks)

    assert sum(at_once(10, work)) == len(asked) >= 1
    assert Payment.objects.get().status == "success"
    assert set(GatewayEvent.objects.values_list("state", "fence")) == {("applied", 1)}
    assert AuditEntry.objects.filter(action="payment.succeeded").count() == 1
    assert LedgerPosting.objects.count() == 1


def test_each_event_is_claimed_by_one_of_many_workers(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    for number in range(200):
        stored(attempt, "charge.succeeded", number=number, reference="ch_1")
    at_once(8, lambda _: gateway_events.claim(BECAUSE))
    fences = Counter(GatewayEvent.objects.values_list("state", "fence"))
    assert fences == {("applied", 1): 200}


def test_eight_disputes_of_one_payment_at_once_are_all_told(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    events = [stored(attempt, "dispute.created", number=number, reference="ch_1") for number in range(8)]

    @transaction.atomic
    def told(number: int) -> str | Later:
        return received(Told(events[number], attempt, BECAUSE, events[number].received_at))

    def tell(number: int) -> str:
        ends_at = time.monotonic() + 20
        # Whoever finds the payment locked is called again, as the events' own claim does it.
        while isinstance(answer := told(number), Later) and time.monotonic() < ends_at:
            time.sleep(0.01)
        return str(answer)

    assert set(at_once(8, tell)) == {"People were asked to answer the dispute."}
    details = " ".join(OperatorTask.objects.values_list("detail", flat=True))
    assert [details.count(f"event evt_{number}:") for number in range(8)] == [1] * 8
    assert OperatorTask.objects.filter(payment=attempt.payment_id).count() == 1
