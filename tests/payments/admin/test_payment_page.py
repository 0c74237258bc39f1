"""The page of one payment: everything known, in order and in words (G1, G4)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from payments.admin.payment import page as payment_page
from payments.admin.payment.next_step import next_step
from payments.audit import Because
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, CheckoutSession, Client, OperatorTask, Order, Payment
from payments.services.accept import accept
from payments.services.ask_now import ask_now
from payments.services.claim import claim
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, accepted, after, pay_request, sent

pytestmark = pytest.mark.django_db


def url_of(payment: Payment) -> str:
    return f"/admin/payments/payment/{payment.pk}/change/"


def titles(browser: Browser, payment: Payment) -> list[str]:
    """Return the timeline without what the shop is told, which test_told.py is about."""
    titles = [event.title for event in browser.get(url_of(payment)).context["events"]]
    return [title for title in titles if not title.startswith("Event no. ")]


def test_an_operator_finds_attempt_charge_id_books_and_trail_of_a_paid_payment(shop: Client, operator: Browser) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.SUCCEEDED, reference="ch_77", http_status=200)
    page = text_of(operator, url_of(payment))
    for text in ("12.50 USD", "Paid", payment.pk, "order-1", "order-1-pay", "Shop", "ch_77", attempt.gateway_key):
        assert text in page
    assert titles(operator, payment) == [
        "The request to pay was accepted and stored.",
        "A worker took the payment up and wrote the attempt down before sending anything.",
        "Level 1: attempt 1 was sent to primary: charged.",
        "The gateway said that it charged the customer.",
        "The payment is paid.",
        "12.50 USD were booked: debit gateway_balance, credit sales.",
    ]


def test_every_entry_of_the_trail_is_on_the_timeline_with_who_and_why(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop), Kind.DECLINED, decline_code="stolen_card", message="Card reported stolen.")
    events = operator.get(url_of(payment)).context["events"]
    actions = [event.action for event in events if event.action]
    assert actions == list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    declined = next(event for event in events if event.action == "attempt.declined")
    assert (declined.who, declined.cause) == ("settle loop test", "job:test")
    why = (
        "stolen_card: Card reported stolen. Do not tell the customer "
        "(fraud: customer and shop read only a neutral message)"
    )
    assert {fact.name: fact.text for fact in declined.facts} == {"State": "sent → declined", "Why": why}
    sent_to = next(event for event in events if event.title.startswith("Level 1: attempt 1"))
    facts = {fact.name: fact.text for fact in sent_to.facts}
    assert (facts["Decline"], facts["The gateway's words"]) == (why, "Card reported stolen.")


def test_look_ups_and_tasks_are_on_the_timeline(shop: Client, operator: Browser) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout", alert=True)
    payment = after(attempt, Kind.UNKNOWN, "server_error", looked=True)
    assert titles(operator, payment)[3:] == [
        "No usable answer came: the customer may or may not have been charged.",
        "A task for operators was opened: Gateway's answer does not fit the charge.",
        "The gateway was asked again; what it said proves nothing yet.",
    ]
    page = text_of(operator, url_of(payment))
    assert "no answer within the time allowed (read_timeout)" in page
    assert f"/admin/payments/operatortask/{OperatorTask.objects.get().pk}/change/" in page


def test_tokens_are_masked(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop, token="tok_1234567890abcdef"), Kind.SUCCEEDED)
    session = CheckoutSession.objects.create(
        client=shop, order=payment.order, return_url="https://shop.test/", expires_at=Now()
    )
    page = text_of(operator, url_of(payment))
    assert "tok_1234567890abcdef" not in page
    assert session.token not in page
    assert "tok_12…" in page
    assert f"{session.token[:6]}…" in page


def test_what_clients_and_gateways_write_is_escaped(shop: Client, operator: Browser) -> None:
    evil = "<script>alert(1)</script>"
    request = pay_request(shop)
    request.metadata["note"] = evil
    payment = accept(request, BECAUSE).payment
    Order.objects.update(customer_name=evil, lines=[{"name": evil, "quantity": 2, "amount": "1.00"}])
    after(sent_attempt(payment), Kind.UNKNOWN, message=evil, alert=True)
    page = text_of(operator, url_of(payment))
    assert evil not in page
    # Metadata, customer, line, the gateway's words, the task on the timeline and above it.
    assert page.count(escape(evil)) == 6


def sent_attempt(payment: Payment) -> Attempt:
    claim(limit=1, because=BECAUSE)
    return Attempt.objects.get(payment=payment)


def test_the_page_takes_as_many_statements_for_a_long_history_as_for_a_short_one(
    shop: Client, operator: Browser
) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.UNKNOWN)
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            operator.get(url_of(payment))
        counts.append(len(queries))
        after(attempt, Kind.UNKNOWN, looked=True, alert=True)
        ask_now(payment.pk, BECAUSE, "again")
    assert len(set(counts)) == 1
    # Four of them for what gateways, shop and customer were told; one for refunds, one for disputes.
    # On PostgreSQL the time as well.
    assert counts[0] <= 19 + (connection.vendor == "postgresql")


def test_of_a_very_long_trail_the_newest_is_shown_and_the_rest_is_linked(
    shop: Client, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_page, "_MOST", 2)
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN)
    payment = after(attempt, Kind.SUCCEEDED)
    response = operator.get(url_of(payment))
    actions = [event.action for event in response.context["events"] if event.action]
    assert actions == ["attempt.succeeded", "payment.succeeded"]
    assert f'href="/admin/payments/auditentry/?q={payment.pk}"' in response.content.decode()


def test_a_payment_that_does_not_exist_is_not_found(operator: Browser) -> None:
    assert operator.get("/admin/payments/payment/pay_none/change/").status_code == 404


def step(payment: Payment) -> str:
    return next_step(payment, list(payment.attempts.all()), database_now())


def test_a_fresh_payment_waits_for_a_worker(shop: Client) -> None:
    words = step(accepted(shop))
    assert words == (
        "A worker sends the charge to a gateway. That is due since 0 s and done as soon as a worker is free."
    )


def test_a_sent_charge_waits_for_its_answer(shop: Client) -> None:
    words = step(sent(shop).payment)
    assert words.startswith("Gateway primary has the charge, and its answer is waited for. Should that worker")


def test_an_unknown_outcome_says_when_the_gateway_is_asked_again(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN)
    now = database_now()
    payment.due_at = now + timedelta(seconds=40)
    words = next_step(payment, list(payment.attempts.all()), now)
    assert words.startswith("Gateway primary is asked what became of the charge. The gateway is asked again in 40 s, ")


def test_a_retry_says_which_one_it_is(shop: Client) -> None:
    payment = after(sent(shop), Kind.NOT_SENT, retry_after=30)
    words = f"The charge is tried again, retry 1 of {payment.max_retries}. "
    # Another gateway takes it at once.
    assert step(payment).startswith(f"{words}That is due since ")
    payment.due_at = database_now() + timedelta(seconds=40)
    assert step(payment).startswith(f"{words}Next in ")


def test_a_confirmation_waits_for_the_customer(shop: Client) -> None:
    payment = after(sent(shop), Kind.ACTION_REQUIRED, action_url="https://bank.test/")
    assert step(payment).startswith("The customer must confirm with the bank; gateway primary is asked meanwhile.")


def test_what_has_ended_says_so(shop: Client) -> None:
    payment = after(sent(shop), Kind.SUCCEEDED)
    assert step(payment).startswith("Nothing more happens by itself. It ended 2")


def test_what_nothing_is_planned_for_waits_for_a_person(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN)
    payment.due_at = None
    assert step(payment).endswith("Nothing happens by itself: a person must decide.")


def test_the_client_is_named_for_what_it_did(shop: Client, viewer: Browser) -> None:
    payment = accept(pay_request(shop), Because(f"client:{shop.pk}", "request:1")).payment
    event: Any = viewer.get(url_of(payment)).context["events"][0]
    assert (event.who, event.cause) == ("client Shop", "request:1")
