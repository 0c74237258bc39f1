"""Which messages a customer is owed, and when: in the transaction of what they tell (requirements F3, C3, G7)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments.gateways.base import Kind, Outcome
from payments.models import Client, CustomerMessage, Order, Payment, SurplusCharge
from payments.services import go_on, messages
from payments.services.apply import apply
from payments.services.book import Book
from payments.services.give_back import heard as heard_back
from payments.services.give_back import record_return
from tests.payments.conftest import BECAUSE, accepted, after, heard, reload, sent
from tests.payments.services.telling import advance, queued_payment, send, told, visit

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+4915112345678"


def rows() -> list[tuple[str, str, float]]:
    """Return kind, channel and seconds until it is due of each message."""
    now = timezone.now()
    found = CustomerMessage.objects.order_by("pk")
    return [(row.kind, row.channel, round((row.due_at - now).total_seconds() / 10) * 10) for row in found if row.due_at]


def attempt_of(shop: Client, *, phone: str = "", email: bool = True) -> Any:
    """Return the attempt of a payment whose customer left an address."""
    attempt = sent(shop)
    if email:
        visit(attempt.payment)
    Order.objects.update(customer_phone=phone)
    return attempt


def test_a_paid_payment_is_told_at_once(shop: Client) -> None:
    after(attempt_of(shop), Kind.SUCCEEDED, reference="ch_1")
    assert rows() == [("received", "email", 0)]
    send()
    assert told() == [("received", "email", True)]


def test_both_channels_are_told_where_both_addresses_are_known(shop: Client, settings: Any) -> None:
    settings.SMS_BACKEND = "file"
    after(attempt_of(shop, phone=PHONE), Kind.SUCCEEDED, reference="ch_1")
    assert rows() == [("received", "email", 0), ("received", "sms", 0)]
    assert CustomerMessage.objects.get(channel="sms").address == PHONE


@pytest.mark.parametrize(("backend", "expected"), [("none", []), ("file", [("received", "sms", 0)])])
def test_a_telephone_alone_is_told_by_sms_where_there_is_any(
    shop: Client, settings: Any, backend: str, expected: list[Any]
) -> None:
    settings.SMS_BACKEND = backend
    after(attempt_of(shop, phone=PHONE, email=False), Kind.SUCCEEDED, reference="ch_1")
    assert rows() == expected


def test_an_order_without_an_address_costs_nothing(shop: Client) -> None:
    attempt = attempt_of(shop, email=False)
    payment = Payment.objects.select_related("order").get(pk=attempt.payment_id)
    with CaptureQueriesContext(connection) as asked:
        for owed in (messages.paid, messages.accepted_for_later, messages.confirm, messages.failed):
            assert owed(payment, timezone.now()) == []
        assert messages.outcome_unknown(payment, attempt.pk, timezone.now()) == []
        assert messages.refunded(payment, "sur_1", timezone.now()) == []
    assert len(asked) == 0
    apply([heard(attempt, Kind.SUCCEEDED, reference="ch_1")])
    assert not CustomerMessage.objects.exists()


def test_an_unknown_outcome_is_told_after_two_minutes(shop: Client) -> None:
    attempt = attempt_of(shop)
    after(attempt, Kind.UNKNOWN)
    assert rows() == [("delayed", "email", 120)]
    assert CustomerMessage.objects.get().occurrence == attempt.pk
    send()
    assert told() == [("delayed", "email", False)]
    advance(121)
    send()
    assert told() == [("delayed", "email", True)]


def test_an_outcome_that_is_known_in_time_is_not_worth_a_message(shop: Client) -> None:
    attempt = attempt_of(shop)
    after(attempt, Kind.UNKNOWN)
    apply([heard(attempt, Kind.SUCCEEDED, reference="ch_1", looked=True)])
    advance(121)
    send()
    assert told() == [("delayed", "email", False), ("received", "email", True)]
    assert CustomerMessage.objects.get(kind="delayed").trouble == "the outcome is known by now"


def test_who_was_told_of_a_delay_is_told_that_it_is_over_and_no_more(shop: Client) -> None:
    attempt = attempt_of(shop)
    after(attempt, Kind.UNKNOWN)
    advance(121)
    send()
    apply([heard(attempt, Kind.SUCCEEDED, reference="ch_1", looked=True)])
    send()
    assert told() == [("delayed", "email", True), ("resolved", "email", True)]


def test_one_delay_is_told_once_however_many_attempts_are_lost(shop: Client) -> None:
    attempt = attempt_of(shop)
    after(attempt, Kind.UNKNOWN)
    advance(121)
    send()
    payment = Payment.objects.select_related("order").get()
    CustomerMessage.objects.bulk_create(messages.outcome_unknown(payment, "att_another", timezone.now()))
    advance(121)
    send()
    assert told() == [("delayed", "email", True), ("delayed", "email", False)]
    assert CustomerMessage.objects.get(occurrence="att_another").trouble == "the customer was told already"


def test_an_accepted_order_that_is_paid_is_resolved_and_never_received(shop: Client) -> None:
    queued_payment(shop)
    payment = Payment.objects.select_related("order").get()
    assert [row.kind for row in messages.paid(payment, timezone.now())] == ["resolved"]
    assert messages.outcome_unknown(payment, "att_1", timezone.now()) == []


def test_a_decline_is_told_after_ten_minutes_with_a_link(shop: Client) -> None:
    after(attempt_of(shop), Kind.DECLINED, decline_code="expired_card")
    assert rows() == [("failed", "email", 600)]
    send()
    assert told() == [("failed", "email", False)]
    advance(601)
    send()
    assert told() == [("failed", "email", True)]


def test_a_link_for_when_a_gateway_is_back_is_not_due_before_a_minute(shop: Client) -> None:
    """A gateway that fails without opening its breaker would seem to be back at the very moment of the failure."""
    attempt = attempt_of(shop)
    payment = Payment.objects.select_related("order").get(pk=attempt.payment_id)
    now = timezone.now()
    (message,) = messages.link_when_back(payment, now)
    assert (message.kind, message.due_at) == ("resume", now + timedelta(minutes=1))


def test_who_tries_another_card_at_once_is_not_told_of_the_first(shop: Client) -> None:
    after(attempt_of(shop), Kind.DECLINED, decline_code="expired_card")
    after(sent(shop, "again", order="order-1", token="tok_other"), Kind.SUCCEEDED, reference="ch_2")
    advance(601)
    send()
    assert told() == [("failed", "email", False), ("received", "email", True)]


def test_an_expired_payment_is_told_with_a_link(shop: Client) -> None:
    payment = accepted(shop)
    visit(payment)
    book = Book(now=timezone.now())
    payment = Payment.objects.select_related("order").get()
    go_on.expire(payment, BECAUSE, book)
    payment.save()
    book.write()
    assert rows() == [("failed", "email", 600)]
    advance(601)
    send()
    assert told() == [("failed", "email", True)]


@pytest.fixture
def surplus(shop: Client) -> SurplusCharge:
    """A second charge that was found."""
    attempt = attempt_of(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    apply([heard(attempt, Kind.SUCCEEDED, reference="ch_2")])
    return SurplusCharge.objects.get()


def given_back() -> list[tuple[str, str, bool]]:
    send()
    return [row for row in told() if row[0].startswith("refund")]


def test_money_given_back_is_told_once(surplus: SurplusCharge) -> None:
    for _ in range(2):
        heard_back(surplus.pk, Outcome(Kind.VOIDED, "voided"), BECAUSE)
    assert given_back() == [("refunded", "email", True)]
    assert CustomerMessage.objects.get(kind="refunded").occurrence == surplus.pk


def test_money_that_a_person_gave_back_was_told_to_be_late_before(surplus: SurplusCharge) -> None:
    heard_back(surplus.pk, Outcome(Kind.REJECTED, "rejected"), BECAUSE)
    assert given_back() == [("refund_failed", "email", True)]
    record_return(surplus.pk, BECAUSE, "by hand")
    assert given_back() == [("refund_failed", "email", True), ("refunded", "email", True)]


def test_what_was_refused_and_is_back_by_now_is_not_told_as_refused(surplus: SurplusCharge) -> None:
    heard_back(surplus.pk, Outcome(Kind.REJECTED, "rejected"), BECAUSE)
    record_return(surplus.pk, BECAUSE, "by hand")
    assert given_back() == [("refund_failed", "email", False), ("refunded", "email", True)]
    assert CustomerMessage.objects.get(kind="refund_failed").trouble == "the money is elsewhere by now"


def test_a_charge_that_never_took_money_is_given_back_in_silence(surplus: SurplusCharge) -> None:
    SurplusCharge.objects.update(taken=False)
    heard_back(surplus.pk, Outcome(Kind.VOIDED, "voided"), BECAUSE)
    assert SurplusCharge.objects.get().state == "returned"
    assert given_back() == []


def test_nothing_is_told_of_a_change_that_did_not_happen(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = attempt_of(shop)

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process died here")

    monkeypatch.setattr("payments.services.book.CustomerMessage.objects.bulk_create", die)
    with pytest.raises(RuntimeError):
        apply([heard(attempt, Kind.SUCCEEDED, reference="ch_1")])
    assert (reload(attempt.payment).status, CustomerMessage.objects.count()) == ("processing", 0)


def test_a_message_waits_no_longer_than_is_said() -> None:
    assert (timedelta(minutes=2), timedelta(minutes=10)) == (messages.TELL_UNKNOWN_AFTER, messages.TELL_FAILED_AFTER)
