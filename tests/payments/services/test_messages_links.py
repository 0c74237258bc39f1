"""Links back to the checkout page wait for a gateway, live two days, and ask nobody back in vain (B7, F3)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.utils import timezone

from payments.gateways.base import Kind
from payments.models import CheckoutSession, Client, CustomerMessage, Payment
from payments.services.messages_outbox import Messages
from tests.payments.conftest import accepted, after, sent
from tests.payments.services.telling import (
    FAILED,
    HOUR,
    RESUME,
    advance,
    breaker,
    failed_payment,
    owed,
    send,
    trouble,
    visit,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_site")]


def test_a_link_waits_until_a_gateway_is_back(shop: Client) -> None:
    owed(failed_payment(shop), RESUME)
    breaker(is_open=True)
    send()
    assert (outgoing.outbox, CustomerMessage.objects.get().tries) == ([], 0)
    breaker(is_open=False)
    send()
    assert len(outgoing.outbox) == 1


def test_a_link_after_a_decline_waits_for_no_gateway(shop: Client) -> None:
    owed(failed_payment(shop), FAILED)
    breaker(is_open=True)
    send()
    assert len(outgoing.outbox) == 1


@pytest.mark.parametrize(("left", "extended"), [(-HOUR, True), (HOUR, True), (100 * HOUR, False)])
@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_a_link_works_for_two_days_from_sending(shop: Client, kind: str, left: timedelta, *, extended: bool) -> None:
    payment = failed_payment(shop)
    CheckoutSession.objects.update(expires_at=timezone.now() + left)
    owed(payment, kind)
    send()
    lives: timedelta = CheckoutSession.objects.get().expires_at - timezone.now()
    expected = 48 * HOUR if extended else left
    assert abs((lives - expected).total_seconds()) < 20


def test_the_link_leads_to_the_newest_page_of_the_order(shop: Client) -> None:
    payment = failed_payment(shop)
    CheckoutSession.objects.update(created_at=timezone.now() - HOUR)
    newest = visit(payment)
    owed(payment, RESUME)
    send()
    assert newest.token in outgoing.outbox[0].body


@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_without_a_page_there_is_no_link_to_send(shop: Client, kind: str) -> None:
    owed(failed_payment(shop), kind)
    CheckoutSession.objects.all().delete()
    send()
    assert trouble() == "the order has no checkout page"


@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_nobody_is_asked_back_to_a_checkout_that_the_shop_was_told_is_over(shop: Client, kind: str) -> None:
    owed(failed_payment(shop), kind)
    ended_at = timezone.now()
    CheckoutSession.objects.update(expires_at=ended_at, ended_at=ended_at)
    send()
    assert trouble() == "the shop was told that the checkout is over"
    assert CheckoutSession.objects.get().expires_at == ended_at


@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_who_is_paying_again_already_gets_no_link(shop: Client, kind: str) -> None:
    owed(failed_payment(shop), kind)
    accepted(shop, "again", order="order-1", token="tok_other")
    send()
    assert trouble() == "another try is under way"


@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_who_has_paid_meanwhile_gets_no_link(shop: Client, kind: str) -> None:
    owed(failed_payment(shop), kind)
    CustomerMessage.objects.update(due_at=timezone.now() + HOUR)
    after(sent(shop, "again", order="order-1", token="tok_other"), Kind.SUCCEEDED)
    CustomerMessage.objects.exclude(kind=kind).delete()
    advance(3601)
    send()
    assert trouble() == "the order is paid"


def test_several_failed_tries_are_one_link(shop: Client) -> None:
    first = failed_payment(shop)
    owed(first, RESUME)
    Payment.objects.update(created_at=timezone.now() - HOUR)
    second = after(sent(shop, "again", order="order-1", token="tok_other"), Kind.DECLINED, decline_code="expired_card")
    assert second.status == "failed"
    CustomerMessage.objects.exclude(kind=RESUME).delete()
    owed(second, RESUME)
    send()
    assert {row.payment_id: row.trouble for row in CustomerMessage.objects.all()} == {
        first.pk: "the customer has tried again since",
        second.pk: "",
    }


def test_links_go_out_no_faster_than_a_queue_is_drained(shop: Client, settings: Any) -> None:
    settings.DRAIN_PER_SECOND = 3
    for number in range(5):
        owed(failed_payment(shop, f"order-{number}"), RESUME)
    source = Messages()
    send(source)
    assert len(outgoing.outbox) == 3
