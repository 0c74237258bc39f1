"""The second person's approval, calling off, and asking the gateway: who, when, and what else never (D6, G4)."""

from datetime import timedelta
from html import unescape

import pytest
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, Payment
from refunds.models import Refund
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import reload
from tests.refunds.admin.conftest import act_of, asked_by, everything, paid, told, under_way, url_of, words_of
from tests.refunds.conftest import again

pytestmark = pytest.mark.django_db


def waiting(shop: Client, name: str = "anna") -> Refund:
    """Return a refund above the limit of the user `name`, which waits for somebody else."""
    return asked_by(name, paid(shop, amount=200_000), 150_000)


def approval(refund: Refund, reason: str = "seen the parcel") -> dict[str, str]:
    return {"seen": refund.parameters_hash, "reason": reason}


def last_entry() -> tuple[str, str, str, str, str, str]:
    entry = AuditEntry.objects.latest("id")
    return (entry.action, entry.actor, entry.cause, entry.reason, entry.before, entry.after)


def test_a_supervisor_approves_what_somebody_else_asked_for(
    shop: Client, operator: Browser, supervisor: Browser
) -> None:
    refund = waiting(shop)
    page = words_of(supervisor, url_of(refund))
    assert "Waits for a second person's approval; nothing was sent" in unescape(page)
    asked = unescape(text_of(supervisor, act_of(refund, "approve")))
    assert "Operator anna asked on" in asked
    assert f"to refund 1500.00 USD of payment {refund.payment_id} (customer's request)" in asked
    assert refund.parameters_hash in asked
    response = supervisor.post(act_of(refund, "approve"), approval(refund), follow=True)
    assert "Approved: the refund of 1500.00 USD is on its way." in response.content.decode()
    now = again(refund)
    assert (now.state, now.approved_by, now.decision) == ("processing", "operator:sue", "seen the parcel")
    assert last_entry() == (
        "refund.approved",
        "operator:sue",
        "console:approve-refund",
        "seen the parcel",
        "awaiting_approval",
        "processing",
    )


def test_an_approval_needs_no_words(shop: Client, operator: Browser, supervisor: Browser) -> None:
    refund = waiting(shop)
    supervisor.post(act_of(refund, "approve"), approval(refund, ""))
    assert (again(refund).state, again(refund).decision) == ("processing", "")


@pytest.mark.parametrize("who", ["supervisor", "administrator"])
def test_nobody_approves_what_they_asked_for_themselves(shop: Client, who: str, request: pytest.FixtureRequest) -> None:
    browser = request.getfixturevalue(who)
    refund = waiting(shop, {"supervisor": "sue", "administrator": "root"}[who])
    before = everything()
    own = "You asked for this refund yourself: somebody else must approve it, whatever your role."
    for url in (url_of(refund), act_of(refund, "approve")):
        assert own in text_of(browser, url)
    assert own in browser.post(act_of(refund, "approve"), approval(refund)).content.decode()
    assert act_of(refund, "approve") not in text_of(browser, url_of(refund))
    assert everything() == before


def test_an_operator_does_not_approve(shop: Client, operator: Browser) -> None:
    other = browser_of("otto", "Operator")
    refund = waiting(shop)
    before = everything()
    assert "Only the role Supervisor approves refunds." in text_of(other, url_of(refund))
    assert "cannot be done now" in other.post(act_of(refund, "approve"), approval(refund)).content.decode()
    assert everything() == before


@pytest.mark.parametrize("seen", ["0" * 64, ""])
def test_an_approval_of_other_parameters_than_those_shown_is_refused(
    shop: Client, operator: Browser, supervisor: Browser, seen: str
) -> None:
    refund = waiting(shop)
    before = everything()
    page = supervisor.post(act_of(refund, "approve"), {"seen": seen, "reason": "x"}, follow=True).content.decode()
    if seen:
        assert "The refund is not the one that you saw. Look at it again. Nothing was changed" in page
    assert everything() == before


def test_a_request_that_has_lapsed_cannot_be_approved(shop: Client, operator: Browser, supervisor: Browser) -> None:
    refund = waiting(shop)
    Refund.objects.filter(pk=refund.pk).update(due_at=Now() - timedelta(seconds=1))
    before = everything()
    page = supervisor.post(act_of(refund, "approve"), approval(refund)).content.decode()
    assert "It was not approved in time, and lapses. Ask for the refund again." in page
    assert everything() == before


def test_what_has_been_disputed_meanwhile_cannot_be_approved(
    shop: Client, operator: Browser, supervisor: Browser
) -> None:
    refund = waiting(shop)
    Payment.objects.filter(pk=refund.payment_id).update(disputed=200_000)
    before = everything()
    page = supervisor.post(act_of(refund, "approve"), approval(refund)).content.decode()
    assert "The customer disputes 2000.00 USD of this payment with the bank." in page
    assert everything() == before


def test_an_approval_that_is_sent_twice_is_one(shop: Client, operator: Browser, supervisor: Browser) -> None:
    refund = waiting(shop)
    supervisor.post(act_of(refund, "approve"), approval(refund))
    before = everything()
    page = supervisor.post(act_of(refund, "approve"), approval(refund)).content.decode()
    assert "The refund is processing: nothing waits for approval." in page
    assert everything() == before


@pytest.mark.parametrize("who", ["operator", "supervisor"])
def test_who_asked_for_it_or_a_supervisor_calls_it_off(
    shop: Client, operator: Browser, who: str, request: pytest.FixtureRequest
) -> None:
    refund = waiting(shop)
    browser = request.getfixturevalue(who)
    browser.post(act_of(refund, "call-off"), {"reason": "the customer keeps it"})
    now = again(refund)
    assert (now.state, now.error_code, now.decision) == ("rejected", "called_off", "the customer keeps it")
    assert reload(refund.payment).refund_reserved == 0
    page = words_of(browser, url_of(refund))
    assert "Called off, nothing was sent: somebody called it off" in page
    assert "nothing waits for approval" in page


def test_another_operator_does_not_call_it_off(shop: Client, operator: Browser) -> None:
    refund = waiting(shop)
    before = everything()
    page = browser_of("otto", "Operator").post(act_of(refund, "call-off"), {"reason": "no"}).content.decode()
    assert "Only who asked for it, or the role Supervisor, calls a refund off." in page
    assert everything() == before


def test_nothing_is_called_off_without_a_reason_or_after_it_was_sent(shop: Client, operator: Browser) -> None:
    refund = asked_by("anna", paid(shop), 3000)
    before = everything()
    operator.post(act_of(refund, "call-off"), {"reason": " "})
    assert everything() == before
    under_way(refund)
    before = everything()
    page = operator.post(act_of(refund, "call-off"), {"reason": "too late"}).content.decode()
    assert "The refund is processing: it cannot be called off." in page
    assert everything() == before


def test_an_unknown_outcome_is_shown_as_unknown_and_can_only_be_asked_about(shop: Client, operator: Browser) -> None:
    refund = told(under_way(asked_by("anna", paid(shop), 3000)), Kind.UNKNOWN, "read_timeout")
    page = unescape(words_of(operator, url_of(refund)))
    for words in (
        "The money may or may not have gone back",
        "It cannot be sent again by pressing anything, and must not be given back in another way",
        "Gateway primary is asked what became of it. Next in",
        "no answer within the time allowed (read_timeout)",
    ):
        assert words in page
    assert act_of(refund, "ask") in text_of(operator, url_of(refund))
    payment_page = words_of(operator, f"/admin/payments/payment/{refund.payment_id}/change/")
    assert "Nobody knows whether a refund below went out." in payment_page
    assert "Refund of 30.00 USD: Nobody knows whether the money went back." in payment_page


def test_asking_makes_the_refund_due_now_and_is_on_record(shop: Client, operator: Browser) -> None:
    refund = told(under_way(asked_by("anna", paid(shop), 3000)), Kind.UNKNOWN, "read_timeout")
    operator.post(act_of(refund, "ask"), {"reason": "customer called"})
    now = again(refund)
    assert now.due_at is not None
    assert refund.due_at is not None
    assert now.due_at < refund.due_at
    assert last_entry() == (
        "refund.asked_now",
        "operator:anna",
        "console:ask-refund",
        "customer called",
        "unknown",
        "unknown",
    )


def test_there_is_nothing_to_ask_about_before_it_is_sent(shop: Client, operator: Browser) -> None:
    refund = asked_by("anna", paid(shop), 3000)
    before = everything()
    page = operator.post(act_of(refund, "ask"), {"reason": "now"}).content.decode()
    assert "The refund is requested: there is nothing to ask the gateway about." in page
    assert everything() == before


def test_a_get_only_asks(shop: Client, operator: Browser, supervisor: Browser) -> None:
    refund = waiting(shop)
    before = everything()
    for slug in ("approve", "call-off", "ask"):
        supervisor.get(f"{act_of(refund, slug)}?reason=because&seen={refund.parameters_hash}")
    assert everything() == before


def test_a_viewer_presses_nothing(shop: Client, operator: Browser, viewer: Browser) -> None:
    refund = waiting(shop)
    assert "What you can do" not in text_of(viewer, url_of(refund))
    before = everything()
    for slug in ("approve", "call-off", "ask"):
        assert viewer.get(act_of(refund, slug)).status_code == 403
        assert viewer.post(act_of(refund, slug), approval(refund)).status_code == 403
    assert everything() == before


def test_acts_and_refunds_that_do_not_exist_are_not_found(shop: Client, supervisor: Browser) -> None:
    refund = asked_by("sue", paid(shop), 3000)
    assert supervisor.get(act_of(refund, "pay")).status_code == 404
    for id_ in ("rf_none", f"rf_{'0' * 26}", "%00"):
        assert supervisor.post(f"/admin/refunds/refund/{id_}/do/ask/", {"reason": "x"}).status_code == 404
        assert supervisor.get(f"/admin/refunds/refund/{id_}/change/").status_code == 404
