"""Pressing Pay: once, twice, in two tabs, with another card, too late (requirements A5, A8, A9; B108)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections
from django.test import Client as Browser

from payments.audit import Because
from payments.checkout import pay as paying
from payments.checkout import sessions
from payments.gateways.base import Kind
from payments.models import AuditEntry, CheckoutSession, IdempotencyRecord, Payment
from payments.services.accept import accept
from payments.services.cancel import cancel
from tests.payments.checkout.conftest import Pay, heard_from_gateway, signed
from tests.payments.conftest import BECAUSE, pay_request

pytestmark = pytest.mark.django_db(transaction=True)


def test_pay_accepts_one_payment_and_leads_to_its_status(session: CheckoutSession, pay: Pay) -> None:
    assert pay(card="tok_success") == f"/checkout/{session.token}/status"

    payment = Payment.objects.get()
    assert (payment.amount, payment.currency, payment.status) == (1250, "USD", "pending")
    assert (payment.order_id, payment.client_id) == (session.order_id, session.client_id)
    assert payment.method_token == "tok_success"
    assert payment.metadata == {"orderID": "order-1"}


def test_the_trail_names_the_checkout_but_not_its_secret(session: CheckoutSession, pay: Pay) -> None:
    pay()
    entry = AuditEntry.objects.get(action="payment.accepted")
    assert (entry.actor, entry.cause) == (f"client:{session.client_id}", f"checkout:{session.token[:12]}")


def test_the_key_follows_from_session_and_submission_and_does_not_tell_the_token(
    session: CheckoutSession, pay: Pay
) -> None:
    pay()
    key = Payment.objects.get().idempotency_key
    assert key == sessions.idempotency_key(session, 1)
    assert key.endswith("-v1")
    assert session.token[4:16] not in key


def test_posting_twice_is_one_payment(session: CheckoutSession, pay: Pay) -> None:
    assert pay() == pay()
    assert (Payment.objects.count(), IdempotencyRecord.objects.count()) == (1, 1)


def test_a_second_tab_with_another_card_gets_the_first_payments_status(session: CheckoutSession, pay: Pay) -> None:
    pay(card="tok_one")
    assert pay(card="tok_two") == f"/checkout/{session.token}/status"
    assert Payment.objects.get().method_token == "tok_one"


def test_ten_presses_at_the_same_moment_are_one_payment(session: CheckoutSession) -> None:
    together = Barrier(10)

    def press(number: int) -> int:
        together.wait()
        try:
            form = {"submission": 1, "token": f"tok_card{number % 2}"}
            return Browser().post(f"/checkout/{session.token}/pay", form).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(press, range(10))) == {303}
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("submission", [1, 2], ids=["the same key", "the same order"])
def test_a_tab_that_is_faster_between_look_and_request_wins(
    session: CheckoutSession, pay: Pay, monkeypatch: pytest.MonkeyPatch, submission: int
) -> None:
    pay(1, "tok_one")
    monkeypatch.setattr(paying, "_is_due", lambda *_: True)
    paying.submit(session, submission, "tok_two")
    assert Payment.objects.get().method_token == "tok_one"


def test_while_a_payment_is_live_its_turn_is_not_over(session: CheckoutSession, pay: Pay) -> None:
    pay(1)
    paying.submit(session, 2, "tok_two")
    assert (Payment.objects.count(), CheckoutSession.objects.get().submission) == (1, 1)


def test_two_sessions_of_one_order_are_one_payment(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    browser.post("/checkout/start", signed(returnURL="https://shop.test/elsewhere"))
    other = CheckoutSession.objects.exclude(pk=session.pk).get()
    pay()
    reply = browser.post(f"/checkout/{other.token}/pay", {"submission": 1, "token": "tok_other"})
    assert reply.headers["Location"] == f"/checkout/{other.token}/status"
    assert Payment.objects.count() == 1


def test_an_order_being_paid_by_api_is_not_charged_again(session: CheckoutSession, pay: Pay) -> None:
    accept(pay_request(session.client), Because(actor="client:1", cause="request:test"))
    pay()
    assert Payment.objects.get().idempotency_key == "order-1-pay"


def test_after_a_decline_the_next_submission_is_a_new_payment(session: CheckoutSession, pay: Pay) -> None:
    pay(1, "tok_declined")
    heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    pay(2, "tok_success")

    first, second = Payment.objects.order_by("created_at")
    assert (first.status, second.status) == ("failed", "pending")
    assert second.idempotency_key == sessions.idempotency_key(session, 2)
    assert CheckoutSession.objects.get().submission == 2


def test_after_a_decline_the_old_form_sent_again_asks_for_nothing(session: CheckoutSession, pay: Pay) -> None:
    pay(1)
    heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    assert pay(1, "tok_other") == f"/checkout/{session.token}/status"
    assert (Payment.objects.count(), CheckoutSession.objects.get().submission) == (1, 1)


def test_the_old_form_asks_for_nothing_even_after_its_key_expired(session: CheckoutSession, pay: Pay) -> None:
    pay(1)
    heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    IdempotencyRecord.objects.all().delete()
    pay(1)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("submission", [0, 2, 3, 99999])
def test_a_submission_whose_turn_it_is_not_asks_for_nothing(
    session: CheckoutSession, pay: Pay, submission: int
) -> None:
    assert pay(submission) == f"/checkout/{session.token}/status"
    assert not Payment.objects.exists()
    assert CheckoutSession.objects.get().submission == 1


def test_while_the_outcome_is_unknown_no_other_card_can_pay(session: CheckoutSession, pay: Pay) -> None:
    pay(1)
    heard_from_gateway(Kind.UNKNOWN)
    pay(1, "tok_other")
    pay(2, "tok_other")
    assert Payment.objects.get().outcome_unknown


def test_a_paid_order_is_not_charged_again(session: CheckoutSession, pay: Pay) -> None:
    pay(1)
    heard_from_gateway(Kind.SUCCEEDED)
    pay(2, "tok_other")
    assert Payment.objects.get().status == "success"


def test_after_a_cancelation_the_customer_can_pay(session: CheckoutSession, pay: Pay) -> None:
    pay(1)
    cancel(Payment.objects.get().pk, BECAUSE, "test")
    pay(2)
    assert sorted(Payment.objects.values_list("status", flat=True)) == ["canceled", "pending"]


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"submission": "1"},
        {"submission": "1", "token": ""},
        {"submission": "1", "token": "4242424242424242"},
        {"submission": "1", "token": "tok_\x00"},
        {"submission": "1", "token": "t" * 300},
        {"token": "tok_success"},
        {"submission": "-1", "token": "tok_success"},
        {"submission": "١", "token": "tok_success"},
        {"submission": "1e3", "token": "tok_success"},
    ],
    ids=str,
)
def test_a_form_without_card_is_refused_and_nothing_is_written(
    session: CheckoutSession, browser: Browser, form: dict[str, str]
) -> None:
    reply = browser.post(f"/checkout/{session.token}/pay", form)
    assert reply.status_code == 400
    assert "The card did not arrive" in reply.content.decode()
    assert "4242424242424242" not in reply.content.decode()
    assert not Payment.objects.exists()


def test_an_amount_in_the_form_changes_nothing(session: CheckoutSession, browser: Browser) -> None:
    form = {"submission": "1", "token": "tok_success", "amount": "0.01", "currency": "JPY"}
    browser.post(f"/checkout/{session.token}/pay", form)
    assert (Payment.objects.get().amount, Payment.objects.get().currency) == (1250, "USD")


def test_an_expired_session_asks_for_nothing(session: CheckoutSession, browser: Browser) -> None:
    CheckoutSession.objects.update(expires_at="2020-01-01T00:00:00Z")
    reply = browser.post(f"/checkout/{session.token}/pay", {"submission": "1", "token": "tok_success"})
    assert reply.status_code == 410
    assert not Payment.objects.exists()


@pytest.mark.parametrize("forged", [None, "x" * 64])
def test_a_foreign_form_is_refused(session: CheckoutSession, forged: str | None) -> None:
    strict = Browser(enforce_csrf_checks=True)
    form = {"submission": "1", "token": "tok_success"} | ({"csrfmiddlewaretoken": forged} if forged else {})
    reply = strict.post(f"/checkout/{session.token}/pay", form)
    assert reply.status_code == 403
    assert "Please send that again" in reply.content.decode()
    assert not Payment.objects.exists()


def test_our_own_form_passes_the_same_check(session: CheckoutSession) -> None:
    strict = Browser(enforce_csrf_checks=True)
    strict.get(f"/checkout/{session.token}")
    form = {"submission": "1", "token": "tok_success", "csrfmiddlewaretoken": strict.cookies["csrftoken"].value}
    assert strict.post(f"/checkout/{session.token}/pay", form).status_code == 303
    assert Payment.objects.count() == 1
