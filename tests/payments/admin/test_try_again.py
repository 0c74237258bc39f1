"""The button "Try again": does the safe thing, or says why not; the same as the service says (requirements A3, A7)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.admin.confirm import RefusedError
from payments.admin.payment import try_again
from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, Payment
from payments.services.retry_payment import CannotRetryError, retry
from tests.payments.admin.breaking import fail, without_gateway
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent

pytestmark = pytest.mark.django_db

Make = Callable[[Client], Payment]


def act_of(payment: Payment) -> str:
    return f"/admin/payments/payment/{payment.pk}/do/again/"


def page_of(payment: Payment) -> str:
    return f"/admin/payments/payment/{payment.pk}/change/"


def everything() -> list[object]:
    """Return all that the button could have changed."""
    return [
        *Payment.objects.order_by("pk").values_list("pk", "status", "due_at", "updated_at", "version"),
        *Attempt.objects.order_by("pk").values_list("pk", "state"),
        AuditEntry.objects.count(),
    ]


def paid(shop: Client) -> Payment:
    return after(sent(shop), Kind.SUCCEEDED)


def under_way(shop: Client) -> Payment:
    return reload(sent(shop).payment)


def unknown(shop: Client) -> Payment:
    return after(sent(shop), Kind.UNKNOWN)


def challenged(shop: Client) -> Payment:
    return after(sent(shop), Kind.ACTION_REQUIRED, action_url="https://bank.test/")


def in_review(shop: Client) -> Payment:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN)
    Attempt.objects.update(sent_at=Now() - timedelta(days=2))
    return after(attempt, Kind.UNKNOWN, looked=True)


def hard(shop: Client) -> Payment:
    return after(sent(shop), Kind.DECLINED, decline_code="expired_card")


def stolen(shop: Client) -> Payment:
    return after(sent(shop), Kind.DECLINED, decline_code="stolen_card")


def forbidden(shop: Client) -> Payment:
    payment = hard(shop)
    Attempt.objects.update(never_again=True)
    return payment


def without_any(shop: Client) -> Payment:
    fail("primary")
    fail("secondary")
    return without_gateway(shop, "order-1", trusted=False)


def queued(shop: Client) -> Payment:
    fail("primary")
    fail("secondary")
    return without_gateway(shop, "order-1", trusted=True)


def planned(shop: Client) -> Payment:
    payment = after(sent(shop), Kind.NOT_SENT, "refused")
    # After so many tries, twenty seconds are our own back-off.
    Payment.objects.update(due_at=Now() + timedelta(seconds=20), retry_count=6)
    return reload(payment)


def asked_to_wait(shop: Client) -> Payment:
    payment = planned(shop)
    Payment.objects.update(due_at=Now() + timedelta(minutes=10))
    return reload(payment)


def another_pays(shop: Client) -> Payment:
    payment = without_any(shop)
    second = Payment.objects.get(pk=accepted(shop, "another", order="order-1").pk)
    assert second.order_id == payment.order_id
    return payment


def repeated(shop: Client) -> Payment:
    payment = without_any(shop)
    retry(payment.pk, BECAUSE, reason="before")
    return payment


def repeated_in_vain(shop: Client) -> Payment:
    payment = repeated(shop)
    Payment.objects.filter(retry_of=payment.pk).update(status="failed", due_at=None, processed_at=Now())
    return payment


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (paid, "already_paid"),
        (under_way, "outcome_open"),
        (unknown, "outcome_open"),
        (challenged, "waiting_for_customer"),
        (in_review, "in_review"),
        (hard, "needs_another_card"),
        (stolen, "needs_another_card"),
        (forbidden, "network_limit"),
        (another_pays, "order_has_live_payment"),
        (repeated_in_vain, "superseded"),
    ],
)
def test_what_the_service_refuses_is_not_offered_and_says_why(
    shop: Client, operator: Browser, make: Make, code: str
) -> None:
    payment = make(shop)
    with pytest.raises(CannotRetryError) as error:
        retry(payment.pk, BECAUSE)
    assert error.value.code == code
    before = everything()
    page = text_of(operator, page_of(payment))
    assert act_of(payment) not in page
    assert try_again.WORDS[code] in page
    assert f"This cannot be done now. {try_again.WORDS[code]}" in text_of(operator, act_of(payment))
    page = operator.post(act_of(payment), {"reason": "I insist"}, follow=True).content.decode()
    assert try_again.WORDS[code] in page
    assert "Nothing was changed." in page
    assert everything() == before


@pytest.mark.parametrize(
    ("make", "code"),
    [(queued, "queued"), (asked_to_wait, "asked_to_wait"), (accepted, "due"), (repeated, "goes_on")],
)
def test_what_the_service_would_leave_as_it_is_is_not_offered(
    shop: Client, operator: Browser, make: Make, code: str
) -> None:
    payment = make(shop)
    before = everything()
    with transaction.atomic():
        retry(payment.pk, BECAUSE)
    assert everything() == before
    page = text_of(operator, page_of(payment))
    assert act_of(payment) not in page
    assert try_again.WORDS[code] in page


def test_a_planned_try_is_brought_forward(shop: Client, operator: Browser) -> None:
    payment = planned(shop)
    assert act_of(payment) in text_of(operator, page_of(payment))
    assert "is brought forward to now." in text_of(operator, act_of(payment))
    response = operator.post(act_of(payment), {"reason": "customer waits"}, follow=True)
    assert response.redirect_chain == [(page_of(payment), 302)]
    assert "It is tried again as soon as a worker is free." in response.content.decode()
    now = reload(payment)
    assert now.due_at == now.updated_at
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor, entry.cause, entry.reason) == (
        *("payment.brought_forward", "operator:anna"),
        *("console:again", "customer waits"),
    )


def test_a_failed_payment_gets_a_new_version_whose_page_is_shown(shop: Client, operator: Browser) -> None:
    payment = without_any(shop)
    assert "A new version of the payment is made (version 2), with the same card" in text_of(operator, act_of(payment))
    response = operator.post(act_of(payment), {"reason": "the gateway is back"}, follow=True)
    second = Payment.objects.get(retry_of=payment.pk)
    assert response.redirect_chain == [(page_of(second), 302)]
    assert "Version 2 was made and is charged as soon as a worker is free." in response.content.decode()
    assert (second.version, second.status, second.method_token) == (2, "pending", payment.method_token)
    assert (reload(payment).status, reload(payment).level) == ("failed", 6)


def test_asked_twice_there_is_one_new_version(shop: Client, operator: Browser) -> None:
    payment = without_any(shop)
    for _ in range(2):
        operator.post(act_of(payment), {"reason": "the gateway is back"})
    assert Payment.objects.count() == 2


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_nothing_is_done_without_a_reason_that_fits(shop: Client, operator: Browser, reason: str) -> None:
    payment = without_any(shop)
    before = everything()
    assert operator.post(act_of(payment), {"reason": reason}).status_code == 200
    assert operator.get(f"{act_of(payment)}?reason=because").status_code == 200
    assert everything() == before


def test_a_payment_that_was_repeated_in_vain_leads_to_its_later_version(shop: Client, operator: Browser) -> None:
    payment = repeated_in_vain(shop)
    second = Payment.objects.get(retry_of=payment.pk)
    assert f'<dt>Repeated by</dt><dd><a class="console-link" href="{page_of(second)}">' in text_of(
        operator, page_of(payment)
    )
    with pytest.raises(RefusedError, match=f"See payment {second.pk}. Nothing was changed."):
        try_again.act(payment.pk, BECAUSE, "once more")
    assert act_of(second) in text_of(operator, page_of(second))
    operator.post(act_of(second), {"reason": "once more"})
    assert Payment.objects.get(retry_of=second.pk).version == 3


def test_a_viewer_is_refused(shop: Client, viewer: Browser) -> None:
    payment = without_any(shop)
    before = everything()
    assert act_of(payment) not in text_of(viewer, page_of(payment))
    assert viewer.post(act_of(payment), {"reason": "let me"}).status_code == 403
    assert everything() == before


def test_every_refusal_of_the_service_has_words() -> None:
    codes = {
        *("already_paid", "outcome_open", "waiting_for_customer", "in_review", "needs_another_card"),
        *("network_limit", "superseded", "order_has_live_payment", "expired_token"),
    }
    assert codes <= try_again.WORDS.keys()
