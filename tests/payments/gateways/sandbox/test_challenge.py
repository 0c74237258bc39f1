"""The bank's 3-D Secure page: every way through it, and every way to come too late (requirement F5)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from payments.gateways.base import Kind, Outcome
from payments.gateways.sandbox.scenarios import CURED_BY_AUTHENTICATION, DECLINE_CODES
from tests.payments.gateways.builders import charge_request, gateway, look_up_of, void_of
from tests.sandbox import SHOP, SandboxProcess

RETURN_URL = f"{SHOP}/checkout/return/pay_1?a=1&b=2"
SHOWN_URL = RETURN_URL.replace("&", "&amp;")
NOT_CURED = sorted(set(DECLINE_CODES) - CURED_BY_AUTHENTICATION)


@pytest.fixture
def challenged(sandbox: SandboxProcess) -> Iterator["Challenge"]:
    yield Challenge(sandbox)
    sandbox.set_challenge_life(900)


class Challenge:
    """A charge that waits for its customer."""

    def __init__(self, sandbox: SandboxProcess, **changes: Any) -> None:
        self.sandbox = sandbox
        asked: dict[str, Any] = {"token": "tok_authentication_required", "return_url": RETURN_URL, **changes}
        self.request = charge_request(**asked)
        self.outcome = gateway(sandbox.url).charge(self.request)
        self.path = urlsplit(self.outcome.action_url).path

    def page(self) -> requests.Response:
        return self.sandbox.call("GET", self.path)

    def press(self, choice: str, **headers: str) -> requests.Response:
        return self.sandbox.call("POST", self.path, data={"choice": choice}, headers=headers)

    def look_up(self) -> Outcome:
        return gateway(self.sandbox.url).look_up(look_up_of(self.request))

    def void(self) -> Outcome:
        return gateway(self.sandbox.url).void(void_of(self.request, self.outcome.reference))

    def status_on_file(self) -> str:
        with closing(sqlite3.connect(self.sandbox.database)) as ledger:
            (status,) = ledger.execute("SELECT status FROM charges WHERE id = ?", (self.outcome.reference,)).fetchone()
        return str(status)


# The ways through.


def test_the_page_says_what_is_to_be_confirmed(challenged: Challenge) -> None:
    page = challenged.page()
    assert page.status_code == 200
    for text in ("10.00 USD", "Visa ending in 4242", challenged.request.payment_id, "Approve", "Fail", "Cancel"):
        assert text in page.text
    assert f"form-action 'self' {SHOP}" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("choice", "kind", "code"),
    [
        ("approve", Kind.SUCCEEDED, ""),
        ("fail", Kind.DECLINED, "3ds_failed"),
        ("cancel", Kind.DECLINED, "customer_canceled"),
    ],
)
def test_each_choice_settles_the_charge_and_leads_back(
    challenged: Challenge, choice: str, kind: Kind, code: str
) -> None:
    reply = challenged.press(choice)
    assert (reply.status_code, reply.headers["Location"]) == (303, RETURN_URL)
    outcome = challenged.look_up()
    assert (outcome.kind, outcome.decline_code, outcome.never_again) == (kind, code, False)
    assert (outcome.card_brand, outcome.card_fingerprint) == ("visa", challenged.outcome.card_fingerprint)


def test_an_abandoned_challenge_waits(challenged: Challenge) -> None:
    for _ in range(2):
        assert challenged.page().status_code == 200
        assert challenged.look_up().kind is Kind.ACTION_REQUIRED
    assert challenged.status_on_file() == "requires_action"


def test_without_an_address_to_go_back_to_the_page_says_what_happened(sandbox: SandboxProcess) -> None:
    challenge = Challenge(sandbox, return_url="")
    reply = challenge.press("approve")
    assert (reply.status_code, "you approved the payment" in reply.text) == (200, True)
    assert challenge.look_up().kind is Kind.SUCCEEDED


# By request.


@pytest.mark.parametrize(
    "token",
    [
        "tok_success",
        "tok_4242",
        *(f"tok_{code}" for code in sorted(CURED_BY_AUTHENTICATION - {"authentication_required"})),
    ],
)
def test_3d_secure_by_request_comes_first_and_cures(sandbox: SandboxProcess, token: str) -> None:
    challenge = Challenge(sandbox, token=token, request_three_d_secure=True)
    assert (challenge.outcome.kind, challenge.outcome.decline_code) == (Kind.ACTION_REQUIRED, "")
    challenge.press("approve")
    outcome = challenge.look_up()
    assert (outcome.kind, outcome.decline_code) == (Kind.SUCCEEDED, "")


@pytest.mark.parametrize("code", NOT_CURED)
def test_a_code_that_authentication_does_not_cure_is_declined_at_once(sandbox: SandboxProcess, code: str) -> None:
    request = charge_request(token=f"tok_{code}", request_three_d_secure=True)
    outcome = gateway(sandbox.url).charge(request)
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, code)
    assert sandbox.charges(reference=request.payment_id)[0]["action_url"] is None


def test_a_soft_decline_that_asks_for_authentication_is_cured_by_it(sandbox: SandboxProcess) -> None:
    first = gateway(sandbox.url).charge(charge_request(token="tok_authentication_required_decline"))
    assert (first.kind, first.decline_code) == (Kind.DECLINED, "authentication_required")
    challenge = Challenge(sandbox, token="tok_authentication_required_decline", request_three_d_secure=True)
    assert challenge.outcome.kind is Kind.ACTION_REQUIRED
    challenge.press("approve")
    assert challenge.look_up().kind is Kind.SUCCEEDED


# Coming again.


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("approve", "you approved the payment"),
        ("fail", "the check failed, and nothing was charged"),
        ("cancel", "you canceled the payment, and nothing was charged"),
    ],
)
def test_opened_again_it_shows_what_happened_and_changes_nothing(
    challenged: Challenge, choice: str, words: str
) -> None:
    challenged.press(choice)
    settled = challenged.look_up()
    page = challenged.page()
    assert page.status_code == 200
    assert f"This step is over: {words}" in page.text
    assert f'<a href="{SHOWN_URL}">Back to the shop</a>' in page.text
    assert "<form" not in page.text
    assert challenged.look_up() == settled


@pytest.mark.parametrize("again", ["approve", "fail", "cancel"])
@pytest.mark.parametrize("choice", ["approve", "fail", "cancel"])
def test_posted_twice_the_first_choice_stays_and_both_lead_back(challenged: Challenge, choice: str, again: str) -> None:
    challenged.press(choice)
    settled = challenged.look_up()
    reply = challenged.press(again)
    assert (reply.status_code, reply.headers["Location"]) == (303, RETURN_URL)
    assert challenged.look_up() == settled


@pytest.mark.parametrize("choice", ["approve", "fail", "cancel"])
def test_after_the_charge_was_voided_it_says_kindly_that_it_is_over(challenged: Challenge, choice: str) -> None:
    assert challenged.void().kind is Kind.VOIDED
    for reply, status in ((challenged.press(choice), 409), (challenged.page(), 200)):
        assert reply.status_code == status
        assert "This step is over: the shop has ended this payment, and no money of it is kept." in reply.text
        assert f'<a href="{SHOWN_URL}">Back to the shop</a>' in reply.text
    assert challenged.look_up().kind is Kind.VOIDED


# The end of its life.


@pytest.mark.parametrize("choice", ["approve", "fail", "cancel"])
def test_after_its_life_it_cannot_be_settled_and_reads_as_expired(challenged: Challenge, choice: str) -> None:
    challenged.sandbox.set_challenge_life(0)
    reply = challenged.press(choice)
    assert reply.status_code == 409
    assert "This step is over: it took too long, and nothing was charged. You can try again in the shop." in reply.text
    assert f'<a href="{SHOWN_URL}">Back to the shop</a>' in reply.text
    outcome = challenged.look_up()
    assert (outcome.kind, outcome.decline_code, outcome.action_url) == (Kind.DECLINED, "3ds_expired", "")
    assert challenged.status_on_file() == "declined"


def test_it_ends_when_somebody_first_looks_whoever_that_is(challenged: Challenge) -> None:
    challenged.sandbox.set_challenge_life(0)
    assert challenged.look_up().decline_code == "3ds_expired"
    (charge,) = challenged.sandbox.charges(reference=challenged.request.payment_id)
    assert (charge["status"], charge["decline_code"], charge["action_url"]) == ("declined", "3ds_expired", None)
    assert "it took too long" in challenged.page().text


def test_what_expired_stays_so_with_a_longer_life(challenged: Challenge) -> None:
    challenged.sandbox.set_challenge_life(0)
    challenged.look_up()
    challenged.sandbox.set_challenge_life(900)
    assert challenged.press("approve").status_code == 409
    assert challenged.look_up().decline_code == "3ds_expired"


def test_what_was_approved_in_time_does_not_expire(challenged: Challenge) -> None:
    challenged.press("approve")
    challenged.sandbox.set_challenge_life(0)
    assert challenged.look_up().kind is Kind.SUCCEEDED
    assert "you approved the payment" in challenged.page().text


def test_an_expired_charge_cannot_be_voided_and_the_refusal_says_what_it_is(challenged: Challenge) -> None:
    challenged.sandbox.set_challenge_life(0)
    outcome = challenged.void()
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, "3ds_expired")
    assert outcome.reference == challenged.outcome.reference


def test_the_same_key_still_gets_the_first_answer_whose_page_is_over(challenged: Challenge) -> None:
    challenged.sandbox.set_challenge_life(0)
    again = gateway(challenged.sandbox.url).charge(challenged.request)
    assert (again.kind, again.action_url) == (Kind.ACTION_REQUIRED, challenged.outcome.action_url)
    assert challenged.look_up().decline_code == "3ds_expired"


@pytest.mark.parametrize("body", [{}, {"seconds": -1}, {"seconds": "x"}, {"seconds": True}, []])
def test_a_life_that_cannot_be_is_refused(challenged: Challenge, body: object) -> None:
    assert challenged.sandbox.call("POST", "/control/challenge_life", json=body).status_code == 400
    assert challenged.look_up().kind is Kind.ACTION_REQUIRED


# What is not for this page.


def test_a_challenge_sent_from_another_site_settles_nothing(challenged: Challenge) -> None:
    assert challenged.press("approve", Origin="https://evil.test").status_code == 400
    assert challenged.press("dance").status_code == 400
    assert challenged.look_up().kind is Kind.ACTION_REQUIRED


def test_an_unknown_challenge_is_a_kind_404(sandbox: SandboxProcess) -> None:
    for method in ("GET", "POST"):
        reply = sandbox.call(method, "/3ds/ch_none", data={"choice": "approve"})
        assert reply.status_code == 404
        assert "There is no such payment" in reply.text


def test_the_reason_of_a_fraud_decline_is_not_on_the_page(sandbox: SandboxProcess) -> None:
    outcome = gateway(sandbox.url).charge(charge_request(token="tok_stolen_card"))
    page = sandbox.call("GET", f"/3ds/{outcome.reference}")
    assert "This step is over: nothing more is needed here." in page.text
    assert "stolen" not in page.text
