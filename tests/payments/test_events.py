"""The events that shops are told: one with every transition, in its transaction (D3, F3; invariants 32, 33)."""

import json

import pytest
from django.db import IntegrityError, connection, transaction

from payments import events, representation
from payments.audit import Because
from payments.gateways.base import Kind
from payments.models import Client, Event, Payment, SurplusCharge
from payments.services import cancel as cancel_service
from payments.services.apply import apply
from payments.services.retry_payment import retry
from payments.states import PAYMENT, PaymentStatus
from tests.payments.conftest import BECAUSE, accepted, after, heard, reload, sent

pytestmark = pytest.mark.django_db


def told(payment_id: str) -> list[tuple[int, str]]:
    return list(Event.objects.filter(payment_id=payment_id).order_by("sequence").values_list("sequence", "type"))


def body_of(event: Event) -> dict[str, object]:
    found: dict[str, object] = json.loads(event.body)
    return found


def test_every_status_that_a_transition_leads_to_has_an_event_type() -> None:
    targets = {after for _, after in PAYMENT.pairs()}
    assert set(events.OF_STATUS) == targets
    assert set(events.OF_STATUS.values()) <= set(events.TYPES)


def test_accepting_a_payment_is_no_transition_and_tells_nothing(shop: Client) -> None:
    accepted(shop)
    assert not Event.objects.exists()


def test_a_payment_that_succeeds_tells_of_its_two_transitions_in_order(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    assert told(attempt.payment_id) == [(1, "payment.processing"), (2, "payment.succeeded")]
    assert Payment.objects.get().events_written == 2


def test_the_payload_is_the_apis_own_representation_at_that_moment(shop: Client) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.SUCCEEDED, reference="ch_1")
    first, last = (body_of(event) for event in Event.objects.order_by("sequence"))
    assert (first["data"]["status"], last["data"]["status"]) == ("processing", "success")  # type: ignore[index]
    assert '"amount":12.50,' in Event.objects.get(sequence=2).body
    now = json.loads(json.dumps(representation.payment(Payment.objects.select_related("order").get()), default=str))
    said = dict(last["data"])  # type: ignore[call-overload]
    given_back = {"refundedAmount": 0, "refundableAmount": 12.5, "disputedAmount": 0, "chargedBackAmount": 0}
    exact = {name: said.pop(name) for name in ("amount", *given_back)}
    assert exact == {"amount": 12.5, **given_back}
    assert said == {name: value for name, value in now.items() if name not in exact}
    assert said["updatedAt"] == representation.timestamp(payment.updated_at)


def test_the_envelope_names_the_event_its_type_time_and_place(shop: Client) -> None:
    sent(shop)
    event = Event.objects.get()
    body = body_of(event)
    assert (body["id"], body["type"], body["sequence"]) == (event.pk, "payment.processing", 1)
    assert body["timestamp"] == representation.timestamp(event.happened_at)
    assert list(body) == ["id", "type", "timestamp", "sequence", "data"]


def test_a_lost_answer_is_told_as_an_unknown_outcome_and_then_as_what_it_was(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    assert told(attempt.payment_id)[-1] == (2, "payment.outcome_unknown")
    assert body_of(Event.objects.get(sequence=2))["data"]["outcomeUnknown"] is True  # type: ignore[index]
    after(attempt, Kind.SUCCEEDED, looked=True, reference="ch_1")
    assert told(attempt.payment_id)[-1] == (3, "payment.succeeded")


def test_news_heard_twice_are_told_once(shop: Client) -> None:
    attempt = sent(shop)
    news = heard(attempt, Kind.SUCCEEDED, reference="ch_1")
    apply([news])
    apply([news, news])
    assert len(told(attempt.payment_id)) == 2


def test_a_transition_that_is_rolled_back_tells_nothing(shop: Client) -> None:
    attempt = sent(shop)
    news = heard(attempt, Kind.SUCCEEDED, reference="ch_1")
    with transaction.atomic():
        apply([news])
        transaction.set_rollback(True)
    assert told(attempt.payment_id) == [(1, "payment.processing")]
    assert Payment.objects.get().status == "processing"


def test_no_event_tells_a_reason_of_fraud(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.DECLINED, decline_code="stolen_card")
    last = Event.objects.get(sequence=2)
    assert last.type == "payment.failed"
    assert "stolen" not in last.body
    assert "fraud" not in last.body


def test_canceling_is_told_once_however_often_it_is_asked_for(shop: Client) -> None:
    payment = accepted(shop)
    for _ in range(2):
        cancel_service.cancel(payment.pk, BECAUSE, "changed my mind")
    assert told(payment.pk) == [(1, "payment.canceled")]
    assert reload(payment).events_written == 1


def test_a_payment_called_off_for_another_card_is_told_as_canceled(shop: Client) -> None:
    payment = accepted(shop)
    newer = retry(payment.pk, Because("client:1", "request:1"), method=("card", "tok_2222"))
    assert told(payment.pk) == [(1, "payment.canceled")]
    assert told(newer.pk) == []


def test_a_second_charge_and_its_return_are_told(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    after(attempt, Kind.SUCCEEDED, looked=True, reference="ch_2")
    assert told(attempt.payment_id)[-1] == (3, "surplus.found")
    surplus = SurplusCharge.objects.get()
    data = body_of(Event.objects.get(sequence=3))["data"]
    assert data["surplusCharge"]["surplusChargeID"] == surplus.pk  # type: ignore[index]
    assert data["surplusCharge"]["status"] == "owed"  # type: ignore[index]
    assert data["status"] == PaymentStatus.SUCCESS  # type: ignore[index]


def test_two_payments_count_their_events_apart(shop: Client) -> None:
    one, other = sent(shop, "key-1", order="order-1"), sent(shop, "key-2", order="order-2")
    assert told(one.payment_id) == told(other.payment_id) == [(1, "payment.processing")]


@pytest.mark.parametrize("column", ["body", "type", "sequence", "payment_id", "happened_at"])
def test_what_was_told_never_changes(shop: Client, column: str) -> None:
    sent(shop)
    changed = {"sequence": "7", "happened_at": "'2020-01-01 00:00:00'"}.get(column, "'other'")
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE payments_event SET {column} = {changed}")
