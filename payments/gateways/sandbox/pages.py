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
return_url with `token`, `brand` and `last4` added to the query. It goes back only to the shop's origins, as does the
bank's page (challenge.py).
"""

import json
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from payments.gateways.sandbox.answers import answer, refused
from payments.gateways.sandbox.cards import Card, CardErrors, read_card
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.navigation import gateway_name, go, is_foreign, origin_of, own_origin, stop
from payments.gateways.sandbox.rendering import Page, card_fields, fields_page, page, test_cards
from payments.gateways.sandbox.senders import sent
from payments.gateways.sandbox.state import SANDBOX, Sandbox
from payments.gateways.sandbox.vault import Token
from payments.money import MAX_MINOR, Money, MoneyError

_NO_ERRORS = CardErrors()


async def front(request: web.Request) -> web.StreamResponse:
    return page(gateway_name(request), Page("front", "Sandbox gateway", {}, {"test_cards": test_cards(open_=True)}))


async def fields(request: web.Request) -> web.StreamResponse:
    """The embeddable form; only the shop's origins may frame it."""
    origin = request.query.get("origin", "")
    if origin not in request.app[SANDBOX].config.shop_origins:
        return stop(request, 403, "This card form may not be used here", "The site that shows it is not known.")
    return fields_page(gateway_name(request), origin)


async def mint_token(request: web.Request) -> web.StreamResponse:
    """POST /v1/tokens `{number, expiry, cvc}` from our own form: answers `{token, brand, last4}`."""
    if request.headers.get("Origin") != own_origin(request):
        return sent(refused(403, "foreign_origin", "Tokens are made by the gateway's own pages only."))
    try:
        given = json.loads(await request.read())
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return sent(refused(400, "not_an_object", "The body is not a JSON object."))
    card = _read(request, given)
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
    if is_foreign(request):
        return stop(request, 403, "That did not work", "This form was sent from another site.")
    return_url = request.query.get("return_url", "")
    if not request.app[SANDBOX].config.allows(return_url) or _amount(request) is None:
        return _card_page(request, _NO_ERRORS, "", 400)
    entered = _read(request, form)
    if isinstance(entered, CardErrors):
        return _card_page(request, entered, str(form.get("expiry", ""))[:20], 422)
    token = _mint(request.app[SANDBOX], entered)
    return go(_with_query(return_url, {"token": token, "brand": entered.brand, "last4": entered.last4}))


def _card_page(request: web.Request, errors: CardErrors, expiry: str, status: int) -> web.StreamResponse:
    return_url, amount = request.query.get("return_url", ""), _amount(request)
    if not request.app[SANDBOX].config.allows(return_url):
        return stop(request, 400, "This page cannot be used", "The shop to go back to is not known here.")
    if amount is None:
        return stop(request, 400, "This page cannot be used", "The amount is missing. Please go back to the shop.")
    parts = {"fields": card_fields(errors, expiry), "test_cards": test_cards(open_=False)}
    texts = {"amount": amount, "shop": urlsplit(return_url).netloc, "back": return_url}
    return page(gateway_name(request), Page("card", "Pay by card", texts, parts, status, form_to=origin_of(return_url)))


def _read(request: web.Request, given: Any) -> Card | CardErrors:
    typed = {name: value if isinstance(value := given.get(name), str) else "" for name in ("number", "expiry", "cvc")}
    return read_card(**typed, now=datetime.now(UTC), key=request.app[SANDBOX].vault.key)


def _mint(sandbox: Sandbox, entered: Card) -> str:
    """Return a new token; it starts with a letter, so that it is never one of the numbered test tokens."""
    token = f"tok_k{secrets.token_hex(14)}"
    minted = Token(token, entered.scenario, entered.brand, entered.last4, now_ms(), entered.fingerprint)
    sandbox.vault.add(minted)
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


def _with_query(url: str, more: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *more.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))
