"""The pages that customers see on the sandbox gateway's own origin. Card numbers are typed here and nowhere else.

`/fields?origin=ORIGIN` is the card form for an iframe of the shop's checkout page. The two talk by `postMessage`, each
with the other's exact origin; a message from anywhere else is ignored. To the page that embeds:

    {type: "paysite-ready"}                          the form is usable
    {type: "paysite-height", height}                 CSS pixels that the form needs; again at each change
    {type: "paysite-card", token, brand, last4}      a card was entered: after a submit, or when Enter is pressed
    {type: "paysite-error", field, message}          it was not; the form shows the message itself and has the focus.
                                                     field: number, expiry, cvc, or empty where the gateway is away

and from it: `{type: "paysite-submit"}`, which asks for the card. Exactly one card or error answers each submit; a
submit while one is under way is ignored. The iframe must not be sandboxed without `allow-same-origin`.

`/card?return_url=…&amount=…&currency=…` is a whole page that needs no JavaScript: it sends the customer back to
return_url with `token`, `brand` and `last4` added to the query. `/3ds/{charge id}` is the bank's challenge. All go back
only to the shop's origins.
"""

import json
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from payments.gateways.sandbox import charges
from payments.gateways.sandbox.answers import answer, refused
from payments.gateways.sandbox.breakage import sent
from payments.gateways.sandbox.cards import Card, CardErrors, read_card
from payments.gateways.sandbox.rendering import Page, card_fields, fields_page, page, test_cards
from payments.gateways.sandbox.state import SANDBOX, Sandbox, now_ms
from payments.gateways.sandbox.store import Charge, Token
from payments.money import MAX_MINOR, Money, MoneyError

_NO_ERRORS = CardErrors()


async def front(request: web.Request) -> web.StreamResponse:
    return page(_name(request), Page("front", "Sandbox gateway", {}, {"test_cards": test_cards(open_=True)}))


async def fields(request: web.Request) -> web.StreamResponse:
    """The embeddable form; only the shop's origins may frame it."""
    origin = request.query.get("origin", "")
    if origin not in request.app[SANDBOX].config.shop_origins:
        return _stop(request, 403, "This card form may not be used here", "The site that shows it is not known.")
    return fields_page(_name(request), origin)


async def mint_token(request: web.Request) -> web.StreamResponse:
    """POST /v1/tokens `{number, expiry, cvc}` from our own form: answers `{token, brand, last4}`."""
    if request.headers.get("Origin") != _own_origin(request):
        return sent(refused(403, "foreign_origin", "Tokens are made by the gateway's own pages only."))
    try:
        given = json.loads(await request.read())
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return sent(refused(400, "not_an_object", "The body is not a JSON object."))
    card = _read(given)
    if isinstance(card, CardErrors):
        errors = {"number": card.number, "expiry": card.expiry, "cvc": card.cvc}
        return sent(refused(422, "card_invalid", "The card could not be read.", fields=errors))
    token = _mint(request.app[SANDBOX], card)
    return sent(answer(200, {"token": token, "brand": card.brand, "last4": card.last4}))


async def card(request: web.Request) -> web.StreamResponse:
    return _card_page(request, _NO_ERRORS, "", 200)


async def card_posted(request: web.Request) -> web.StreamResponse:
    """Check the card; go back with a token, or show the form again with what to correct."""
    form = await request.post()
    if _foreign(request):
        return _stop(request, 403, "That did not work", "This form was sent from another site.")
    return_url = request.query.get("return_url", "")
    if not request.app[SANDBOX].config.allows(return_url) or _amount(request) is None:
        return _card_page(request, _NO_ERRORS, "", 400)
    entered = _read(form)
    if isinstance(entered, CardErrors):
        return _card_page(request, entered, str(form.get("expiry", ""))[:20], 422)
    token = _mint(request.app[SANDBOX], entered)
    return _back(_with_query(return_url, {"token": token, "brand": entered.brand, "last4": entered.last4}))


async def challenge(request: web.Request) -> web.StreamResponse:
    """The 3-D Secure page of one charge."""
    charge = request.app[SANDBOX].store.charge(request.match_info["id"])
    if charge is None:
        return _stop(request, 404, "There is no such payment", "The address may be cut. Please go back to the shop.")
    if charge.status != "requires_action":
        return _challenge_over(request, charge)
    texts = {
        "amount": str(Money(charge.amount, charge.currency)),
        "card": f"{charge.brand.capitalize()} ending in {charge.last4}",
        "reference": charge.reference,
    }
    return page(_name(request), Page("challenge", "Confirm your payment", texts, form_to=_origin(charge.return_url)))


async def challenge_posted(request: web.Request) -> web.StreamResponse:
    """Settle the step by the button pressed, and go back to the shop."""
    form = await request.post()
    choice = form.get("choice")
    if _foreign(request) or choice not in {"approve", "fail", "cancel"}:
        return _stop(request, 400, "That did not work", "Please go back and press one of the buttons.")
    charge = charges.settle_challenge(request.app[SANDBOX], request.match_info["id"], str(choice))
    if charge is None:
        return _stop(request, 404, "There is no such payment", "The address may be cut. Please go back to the shop.")
    return _back(charge.return_url) if charge.return_url else _challenge_over(request, charge)


def _challenge_over(request: web.Request, charge: Charge) -> web.StreamResponse:
    texts = {
        "text": f"This step is over: the payment is {charge.status}. Nothing more is needed here.",
        "link": charge.return_url or "/",
        "link_text": "Back to the shop" if charge.return_url else "Sandbox gateway",
    }
    return page(_name(request), Page("message", "Already done", texts))


def _card_page(request: web.Request, errors: CardErrors, expiry: str, status: int) -> web.StreamResponse:
    return_url, amount = request.query.get("return_url", ""), _amount(request)
    if not request.app[SANDBOX].config.allows(return_url):
        return _stop(request, 400, "This page cannot be used", "The shop to go back to is not known here.")
    if amount is None:
        return _stop(request, 400, "This page cannot be used", "The amount is missing. Please go back to the shop.")
    parts = {"fields": card_fields(errors, expiry), "test_cards": test_cards(open_=False)}
    texts = {"amount": amount, "shop": urlsplit(return_url).netloc, "back": return_url}
    return page(_name(request), Page("card", "Pay by card", texts, parts, status, form_to=_origin(return_url)))


def _stop(request: web.Request, status: int, title: str, text: str) -> web.StreamResponse:
    texts = {"text": text, "link": "/", "link_text": "Sandbox gateway"}
    return page(_name(request), Page("message", title, texts, status=status))


def _read(given: Any) -> Card | CardErrors:
    typed = {name: value if isinstance(value := given.get(name), str) else "" for name in ("number", "expiry", "cvc")}
    return read_card(**typed, now=datetime.now(UTC))


def _mint(sandbox: Sandbox, entered: Card) -> str:
    """Return a new token; it starts with a letter, so that it is never one of the numbered test tokens."""
    token = f"tok_k{secrets.token_hex(14)}"
    sandbox.store.add_token(Token(token, entered.scenario, entered.brand, entered.last4, now_ms()))
    return token


def _amount(request: web.Request) -> str | None:
    """Return the amount as text; None where the query does not say one."""
    minor, currency = request.query.get("amount", ""), request.query.get("currency", "")
    if not (minor.isascii() and minor.isdigit() and len(minor) < 17 and 0 < int(minor) <= MAX_MINOR):
        return None
    try:
        return str(Money(int(minor), currency))
    except MoneyError:
        return None


def _name(request: web.Request) -> str:
    return request.app[SANDBOX].config.name


def _own_origin(request: web.Request) -> str:
    return f"http://{request.host}"


def _foreign(request: web.Request) -> bool:
    return request.headers.get("Origin", _own_origin(request)) != _own_origin(request)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""


def _with_query(url: str, more: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *more.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _back(url: str) -> web.Response:
    # 303: the browser goes on with GET, so that reloading the shop's page sends nothing again.
    return web.Response(status=303, headers={"Location": url, "Cache-Control": "no-store"})
