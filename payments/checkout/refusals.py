"""The refusals of the customer's pages: what is wrong, that nothing was charged, and what to do."""

from collections.abc import Iterable

from payments.checkout.forms import Wrong
from payments.checkout.guarding import NOTHING_CHARGED, Refusal
from payments.models import CheckoutSession


def bad_form(problems: Iterable[Wrong]) -> Refusal:
    return Refusal(
        400,
        "This order form cannot be accepted",
        "Nothing was charged and nothing was stored.",
        "Go back to the shop, load its page anew and try again. If it happens again, tell the shop what is listed "
        "above.",
        problems=tuple(problems),
    )


def other_amount() -> Refusal:
    return Refusal(
        400,
        "This order has another amount",
        "An order with this number exists, with another amount or currency. This form charged nothing.",
        "Go back to the shop and check out again. The shop must use a new order number for a changed order.",
        problems=(Wrong("amount", "differs from that of the order with this orderID."),),
    )


def unknown_page() -> Refusal:
    return Refusal(
        404,
        "We do not know this checkout page",
        "The address is incomplete or belongs to nothing we have. Opening it charged nothing.",
        "Open the link once more in full, or go back to the shop and check out again.",
    )


def expired(session: CheckoutSession) -> Refusal:
    return Refusal(
        410,
        "This checkout page has expired",
        f"It was open for too long, so nothing was sent to the bank. {NOTHING_CHARGED}",
        "Go back to the shop and check out again.",
        link=(session.return_url, f"Back to {session.client.name}"),
    )


def no_card(checkout_url: str) -> Refusal:
    return Refusal(
        400,
        "The card did not arrive",
        f"We did not receive the card from the payment provider. {NOTHING_CHARGED}",
        "Go back to the checkout page and enter the card again.",
        link=(checkout_url, "Back to the checkout page"),
    )
