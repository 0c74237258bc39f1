"""The bank's 3-D Secure page of one charge, `/3ds/{charge id}`: approve, fail or cancel, then back to the shop.

A challenge is settled once. Whoever comes again sees what happened and changes nothing: sent twice, a form leads to the
shop twice; after the charge was voided, or after its time, nothing is left to decide and the page says so.

It has a life, 15 minutes from the charge on unless `--challenge-life` or the control API says otherwise. A real bank
ends its page after some minutes of silence, and gateways then fail the payment for good and never settle it later
(Mangopay: FAILED with 101304 "authentication session has expired"; Checkout.com: `authentication_expired` with
`ChallengeExpired`); the shop makes a new charge if the customer still wants one. So here: the charge is declined with
`3ds_expired` from then on. An abandoned challenge simply waits until that moment.
"""

from typing import Final

from aiohttp import web

from payments.gateways.sandbox import charges
from payments.gateways.sandbox.charge import Charge
from payments.gateways.sandbox.navigation import gateway_name, go, is_foreign, origin_of, stop
from payments.gateways.sandbox.rendering import Page, page
from payments.gateways.sandbox.state import SANDBOX
from payments.gateways.sandbox.store import CHALLENGE_EXPIRED
from payments.money import Money

# Status and decline code of a settled charge → what happened, in the customer's words.
_WORDS: Final[dict[tuple[str, str | None], str]] = {
    ("succeeded", None): "you approved the payment. Nothing more is needed here.",
    ("declined", charges.CHALLENGE_FAILED): "the check failed, and nothing was charged. You can try again in the shop.",
    ("declined", CHALLENGE_EXPIRED): "it took too long, and nothing was charged. You can try again in the shop.",
    ("canceled", charges.CUSTOMER_CANCELED): "you canceled the payment, and nothing was charged.",
    ("canceled", None): "the shop has ended this payment, and no money of it is kept. Please see the shop for more.",
}
_OTHERWISE: Final = "nothing more is needed here."
# What a customer's own choice leaves behind; sent again, it leads back as it did the first time.
_CHOSEN: Final = frozenset(
    (("succeeded", None), ("declined", charges.CHALLENGE_FAILED), ("canceled", charges.CUSTOMER_CANCELED))
)


async def shown(request: web.Request) -> web.StreamResponse:
    """GET: the question, or what became of it."""
    charge = request.app[SANDBOX].store.charge(request.match_info["id"])
    if charge is None:
        return _not_found(request)
    if charge.status != "requires_action":
        return _over(request, charge, 200)
    texts = {
        "amount": str(Money(charge.amount, charge.currency)),
        "card": f"{charge.brand.capitalize()} ending in {charge.last4}",
        "reference": charge.reference,
    }
    return page(
        gateway_name(request), Page("challenge", "Confirm your payment", texts, form_to=origin_of(charge.return_url))
    )


async def posted(request: web.Request) -> web.StreamResponse:
    """POST: settle the step by the button pressed, and go back to the shop."""
    form = await request.post()
    choice = form.get("choice")
    if is_foreign(request) or choice not in {"approve", "fail", "cancel"}:
        return stop(request, 400, "That did not work", "Please go back and press one of the buttons.")
    charge = charges.settle_challenge(request.app[SANDBOX], request.match_info["id"], str(choice))
    if charge is None:
        return _not_found(request)
    if (charge.status, charge.decline_code) not in _CHOSEN:
        return _over(request, charge, 409)
    return go(charge.return_url) if charge.return_url else _over(request, charge, 200)


def _over(request: web.Request, charge: Charge, status: int) -> web.Response:
    words = _WORDS.get((charge.status, charge.decline_code), _OTHERWISE)
    return stop(request, status, "Already done", f"This step is over: {words}", shop=charge.return_url)


def _not_found(request: web.Request) -> web.Response:
    return stop(request, 404, "There is no such payment", "The address may be cut. Please go back to the shop.")
