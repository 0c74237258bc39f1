"""The gateway's own pages: the card form, and the card page without JavaScript (requirement A8)."""

import sqlite3
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from payments.gateways.base import Kind
from tests.payments.gateways.builders import charge_request, gateway
from tests.sandbox import SHOP, SandboxProcess

RETURN_URL = f"{SHOP}/checkout/chk_1/card?step=2"
QUERY = {"return_url": RETURN_URL, "amount": "1000", "currency": "USD"}
GOOD = {"number": "4242 4242 4242 4242", "expiry": "12/40", "cvc": "123"}
FOREIGN = [
    "",
    "/relative",
    "//evil.test/",
    "https://evil.test/",
    "http://127.0.0.1:8000.evil.test/",
    "http://127.0.0.1:8000@evil.test/",
    "http://user@127.0.0.1:8000/",
    "http://127.0.0.1:80001/",
    "https://127.0.0.1:8000/",
    "javascript:alert(1)",
    "http://127.0.0.1:8000\\@evil.test/",
    "http://127.0.0.1:8000/\r\nSet-Cookie: a=b",
    "http://127.0.0.1:8000/\u202e",
]


def policy(reply: requests.Response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in reply.headers["Content-Security-Policy"].split(";"))
    return {name: value.strip() for name, _, value in parts}


def mint(sandbox: SandboxProcess, card: dict[str, str], origin: str | None = None) -> requests.Response:
    headers = {"Origin": sandbox.url if origin is None else origin}
    return sandbox.call("POST", "/v1/tokens", json=card, headers=headers)


# The embeddable form.


def test_the_form_may_be_framed_by_the_shop_alone(sandbox: SandboxProcess) -> None:
    reply = sandbox.call("GET", "/fields", params={"origin": SHOP})
    assert reply.status_code == 200
    rules = policy(reply)
    assert rules["frame-ancestors"] == SHOP
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    nonce = rules["script-src"].removeprefix("'nonce-").removesuffix("'")
    assert f'<script nonce="{nonce}">' in reply.text
    assert f'data-shop-origin="{SHOP}"' in reply.text
    assert "Sandbox gateway (primary)" in reply.text


@pytest.mark.parametrize("origin", ["", "*", "https://evil.test", "http://127.0.0.1:8000/", "null"])
def test_the_form_is_not_given_to_a_site_that_is_not_known(sandbox: SandboxProcess, origin: str) -> None:
    reply = sandbox.call("GET", "/fields", params={"origin": origin})
    assert reply.status_code == 403
    assert policy(reply)["frame-ancestors"] == "'none'"


def test_a_minted_token_does_what_its_card_does(sandbox: SandboxProcess) -> None:
    reply = mint(sandbox, {**GOOD, "number": "4000000000009995"})
    card = reply.json()
    assert (reply.status_code, card["brand"], card["last4"]) == (200, "visa", "9995")
    request = charge_request(token=card["token"])
    outcome = gateway(sandbox.url).charge(request)
    assert (outcome.decline_code, outcome.card_brand) == ("insufficient_funds", "visa")
    assert sandbox.charges(reference=request.payment_id)[0]["card"] == {
        "brand": "visa",
        "last4": "9995",
        "fingerprint": outcome.card_fingerprint,
    }


def test_minting_says_what_is_wrong_with_each_field(sandbox: SandboxProcess) -> None:
    reply = mint(sandbox, {"number": "1", "expiry": "1", "cvc": "1"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "card_invalid")
    assert all(reply.json()["error"]["fields"][name] for name in ("number", "expiry", "cvc"))


@pytest.mark.parametrize("origin", ["", SHOP, "null", "https://evil.test"])
def test_tokens_are_made_by_the_gateways_own_pages_only(sandbox: SandboxProcess, origin: str) -> None:
    assert mint(sandbox, GOOD, origin).status_code == 403


def test_a_card_number_is_never_stored(sandbox: SandboxProcess) -> None:
    mint(sandbox, GOOD)
    with sqlite3.connect(sandbox.database) as ledger:
        dump = "\n".join(ledger.iterdump())
    ledger.close()
    assert "'4242'" in dump
    assert "42424242" not in dump.replace(" ", "")


# The whole page, without JavaScript.


def test_the_card_page_needs_no_script_and_names_gateway_amount_and_shop(sandbox: SandboxProcess) -> None:
    reply = sandbox.call("GET", "/card", params=QUERY)
    assert reply.status_code == 200
    assert "<script" not in reply.text
    for text in ("Sandbox gateway (primary)", "10.00 USD", "127.0.0.1:8000", "4000 0000 0000 9995", 'for="number"'):
        assert text in reply.text
    rules = policy(reply)
    assert rules["frame-ancestors"] == "'none'"
    assert rules["form-action"] == f"'self' {SHOP}"
    assert "script-src" not in rules


def test_a_good_card_leads_back_with_a_token_beside_the_shops_own_query(sandbox: SandboxProcess) -> None:
    reply = sandbox.call("POST", "/card", params=QUERY, data=GOOD)
    assert reply.status_code == 303
    target = urlsplit(reply.headers["Location"])
    query = parse_qs(target.query)
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{SHOP}/checkout/chk_1/card"
    assert (query["step"], query["brand"], query["last4"]) == (["2"], ["visa"], ["4242"])
    assert gateway(sandbox.url).charge(charge_request(token=query["token"][0])).kind is Kind.SUCCEEDED


def test_a_card_with_a_mistake_gets_the_form_again_with_kind_words(sandbox: SandboxProcess) -> None:
    reply = sandbox.call("POST", "/card", params=QUERY, data={**GOOD, "number": "4242424242424241", "expiry": '"><b>'})
    assert reply.status_code == 422
    assert "That is not quite a card number. Is a digit wrong?" in reply.text
    assert 'aria-invalid="true"' in reply.text
    assert "4242424242424241" not in reply.text
    assert "<b>" not in reply.text


@pytest.mark.parametrize("return_url", FOREIGN)
def test_the_card_page_never_leads_to_a_foreign_place(sandbox: SandboxProcess, return_url: str) -> None:
    for method in ("GET", "POST"):
        reply = sandbox.call(method, "/card", params={**QUERY, "return_url": return_url}, data=GOOD)
        assert reply.status_code == 400
        assert "Location" not in reply.headers
        assert "evil" not in reply.text


@pytest.mark.parametrize(
    ("amount", "currency"), [("", "USD"), ("0", "USD"), ("-1", "USD"), ("x", "USD"), ("10", "XXX")]
)
def test_the_card_page_wants_an_amount_that_can_be(sandbox: SandboxProcess, amount: str, currency: str) -> None:
    query = {**QUERY, "amount": amount, "currency": currency}
    assert sandbox.call("GET", "/card", params=query).status_code == 400
    assert sandbox.call("POST", "/card", params=query, data=GOOD).status_code == 400


@pytest.mark.parametrize(("amount", "currency", "shown"), [("1000", "JPY", "1000 JPY"), ("1000", "KWD", "1.000 KWD")])
def test_the_card_page_shows_each_currency_with_its_decimals(
    sandbox: SandboxProcess, amount: str, currency: str, shown: str
) -> None:
    reply = sandbox.call("GET", "/card", params={**QUERY, "amount": amount, "currency": currency})
    assert shown in reply.text


def test_a_form_sent_from_another_site_is_refused(sandbox: SandboxProcess) -> None:
    reply = sandbox.call("POST", "/card", params=QUERY, data=GOOD, headers={"Origin": "https://evil.test"})
    assert reply.status_code == 403


def test_a_charge_cannot_name_a_foreign_place_to_return_to(sandbox: SandboxProcess) -> None:
    for return_url in FOREIGN[1:]:
        outcome = gateway(sandbox.url).charge(charge_request(return_url=return_url))
        assert outcome.kind is Kind.REJECTED
