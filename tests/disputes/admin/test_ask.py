"""Asking the gateway about a dispute now: who, when, once, and with a reason (D5, G4)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client as Browser

from disputes.models import Dispute
from disputes.services import claim
from disputes.services.ask_now import ask_now
from payments.clock import database_now
from payments.gateways.after_capture import DisputeReport
from payments.models import AuditEntry, Client, Payment
from payments.reliability import calls
from payments.reliability.gateways import gateway_named
from payments.services import wake
from tests.disputes.admin.conftest import answered, ask_of, everything, payment_page, text_of, told, url_of, words_of
from tests.payments.admin.conftest import browser_of
from tests.payments.conftest import BECAUSE

pytestmark = pytest.mark.django_db

REASON = {"reason": "The customer called"}


def now_of(dispute: Dispute) -> Dispute:
    return Dispute.objects.get(pk=dispute.pk)


@pytest.fixture
def confirmed(payment: Payment) -> Dispute:
    """A dispute that the gateway has confirmed: it is asked again after a day."""
    return answered(told(payment))


def test_asking_now_makes_it_due_and_is_written_down_with_its_reason(
    confirmed: Dispute, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[bool] = []
    monkeypatch.setattr(wake, "wake_if_idle", lambda: woken.append(True))
    page = text_of(operator, url_of(confirmed))
    assert f'href="{ask_of(confirmed)}"' in page
    question = words_of(operator, ask_of(confirmed))
    assert "A worker asks gateway primary within seconds how the dispute stands" in question
    assert "Asking does not answer the dispute." in question
    assert now_of(confirmed).due_at == confirmed.due_at
    response = operator.post(ask_of(confirmed), REASON, follow=True)
    assert response.redirect_chain == [(url_of(confirmed), 302)]
    assert "The gateway will be asked within seconds." in response.content.decode()
    row = now_of(confirmed)
    assert row.due_at is not None
    assert row.due_at <= database_now()
    assert (row.status, row.amount, row.fence, woken) == ("needs_response", 4000, confirmed.fence, [True])
    entry = AuditEntry.objects.get(action="dispute.asked_now")
    assert (entry.actor, entry.cause, entry.reason) == ("operator:anna", "console:ask-dispute", "The customer called")
    assert (entry.entity_id, entry.before, entry.after) == (row.pk, "needs_response", "needs_response")
    events = operator.get(payment_page(row.payment)).context["events"]
    asked = next(event for event in events if event.action == "dispute.asked_now")
    assert (asked.title, asked.who) == ("The next look at the gateway was moved to now.", "operator anna")


def test_what_the_gateway_then_answers_takes_effect(
    confirmed: Dispute, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def look_up(gateway: str, reference: str, **_: Any) -> DisputeReport:
        asked.append((gateway, reference))
        return DisputeReport("won", reference="dp_1", charge="ch_k1", amount=4000, currency="USD")

    monkeypatch.setattr(calls, "look_up_dispute", look_up)
    assert claim.claim(BECAUSE, 100) == []
    operator.post(ask_of(confirmed), REASON)
    for ask in claim.claim(BECAUSE, 100):
        ask()()
    assert (now_of(confirmed).status, asked) == ("won", [("primary", "dp_1")])


def test_without_a_reason_nothing_happens(confirmed: Dispute, operator: Browser) -> None:
    before = everything()
    for data in ({}, {"reason": ""}, {"reason": "   "}, {"reason": "x" * 201}):
        response = operator.post(ask_of(confirmed), data)
        assert response.status_code == 200
        assert "<form" in response.content.decode()
    assert operator.get(ask_of(confirmed)).status_code == 200
    assert everything() == before


def test_a_viewer_sees_and_presses_nothing(confirmed: Dispute, viewer: Browser) -> None:
    before = everything()
    assert "Ask the gateway now" not in text_of(viewer, url_of(confirmed))
    assert viewer.get(ask_of(confirmed)).status_code == 403
    assert viewer.post(ask_of(confirmed), REASON).status_code == 403
    assert everything() == before


def test_who_may_only_refund_does_not_ask(confirmed: Dispute) -> None:
    browser = browser_of("rita", "Viewer")
    User.objects.get(username="rita").user_permissions.add(Permission.objects.get(codename="request_refund"))
    before = everything()
    assert browser.post(ask_of(confirmed), REASON).status_code == 403
    assert everything() == before


def test_nobody_who_cannot_see_disputes_reaches_them(confirmed: Dispute) -> None:
    browser = browser_of("nobody")
    for url in (url_of(confirmed), ask_of(confirmed)):
        assert browser.get(url).status_code == 403


def refused(browser: Browser, dispute: Dispute, why: str) -> None:
    """Assert that the pages say `why` the gateway cannot be asked, and that pressing all the same changes nothing."""
    before = everything()
    assert why in words_of(browser, url_of(dispute))
    assert f'href="{ask_of(dispute)}"' not in text_of(browser, url_of(dispute))
    response = browser.post(ask_of(dispute), REASON)
    assert response.status_code == 200
    assert f"This cannot be done now. {why}" in response.content.decode()
    assert everything() == before


def test_a_gateway_that_knows_of_none_is_not_asked_sooner(payment: Payment, operator: Browser) -> None:
    dispute = answered(told(payment), "not_found")
    refused(operator, dispute, "The gateway said that it knows of no such dispute.")
    before = everything()
    assert ask_now(dispute.pk, BECAUSE) is False
    assert everything() == before
    Dispute.objects.update(due_at=Now() - timedelta(seconds=1))
    assert ask_now(dispute.pk, BECAUSE) is True


def test_while_a_worker_asks_nobody_asks_again(confirmed: Dispute, operator: Browser) -> None:
    Dispute.objects.update(claimed_until=Now() + timedelta(minutes=1))
    refused(operator, confirmed, "The gateway is being asked at this moment.")
    before = everything()
    assert ask_now(confirmed.pk, BECAUSE) is True
    assert everything() == before


def test_a_gateway_that_is_not_in_the_settings_cannot_be_asked(
    confirmed: Dispute, operator: Browser, settings: Any
) -> None:
    settings.GATEWAYS = [each for each in settings.GATEWAYS if each["name"] != "primary"]
    gateway_named.cache_clear()
    try:
        refused(operator, confirmed, "Gateway primary is not in the settings, or answers no questions about disputes.")
        assert ask_now(confirmed.pk, BECAUSE) is False
    finally:
        gateway_named.cache_clear()


@pytest.mark.parametrize("status", ["won", "lost"])
def test_a_dispute_that_has_ended_can_be_asked_about(shop: Client, payment: Payment, status: str) -> None:
    dispute = answered(told(payment), status)
    assert dispute.due_at is None
    assert ask_now(dispute.pk, BECAUSE) is True
    row = now_of(dispute)
    assert (row.status, row.due_at is not None) == (status, True)
