"""From states to words: what the checkout and status pages say. Never the gateway's text, never a reason of fraud."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from payments import money, words
from payments.declines import decline
from payments.models import Order, Payment, SurplusCharge
from payments.states import PaymentStatus

# Seconds after which the page says that it takes longer (requirement F2: 5 to 10).
SLOW_AFTER: Final = 7.0

_NOT_TWICE: Final = "You will not be charged twice."
_MAY_CLOSE: Final = "You may close this page and come back to it later: it always shows how things stand."
_NOT_CHARGED: Final = "You were not charged."


@dataclass(frozen=True, slots=True)
class Status:
    """What the status page says. name: of its look and of its part in the template; refresh: seconds between two
    looks of a browser without JavaScript, 0 where nothing changes by itself; again: what the button for another try
    says.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    refresh: int = 0
    again: str = ""

    @property
    def is_final(self) -> bool:
        return self.refresh == 0

    def tag(self, payment: Payment) -> str:
        """Return a short text that changes whenever what the page says changes."""
        said = (payment.pk, payment.action_url, self.name, self.title, *self.sentences)
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def status_of(
    payment: Payment, *, now: datetime, came_back: bool = False, surplus: Collection[SurplusCharge] = ()
) -> Status:
    """Return what the customer reads about `payment` at `now`.

    came_back: just now, from the bank's confirmation. surplus: what gateways took for the order without right.
    """
    status = _status_of(payment, now=now, came_back=came_back)
    if not surplus:
        return status
    said = words.surplus_message(surplus, is_paid=payment.status == PaymentStatus.SUCCESS)
    # "You were not charged" would not be true any more.
    return replace(status, sentences=(said,) if status.name == "failed" else (*status.sentences, said))


def _status_of(payment: Payment, *, now: datetime, came_back: bool) -> Status:
    if payment.status == PaymentStatus.SUCCESS:
        return Status("paid", "Paid. Thank you!", (words.customer_message(payment),))
    if payment.status in {PaymentStatus.FAILED, PaymentStatus.EXPIRED, PaymentStatus.CANCELED}:
        return _failed(payment)
    if payment.status == PaymentStatus.REQUIRES_ACTION:
        return _action(payment, came_back=came_back)
    if payment.outcome_unknown or payment.status == PaymentStatus.REVIEW:
        return Status(
            "checking", "We are checking with the bank", (words.customer_message(payment), _MAY_CLOSE), refresh=10
        )
    if (now - payment.created_at).total_seconds() >= SLOW_AFTER:
        return _slow(payment)
    return Status(
        "processing",
        "Processing your payment…",
        (words.customer_message(payment), f"This usually takes a few seconds. {_NOT_TWICE}"),
        refresh=2,
    )


def _failed(payment: Payment) -> Status:
    message = words.customer_message(payment)
    sentences = (message,) if _NOT_CHARGED in message else (message, _NOT_CHARGED)
    other_card = payment.status == PaymentStatus.FAILED and decline(payment.error_code).needs_another_card
    again = "Try another card" if other_card else "Try again"
    return Status("failed", "The payment did not go through", sentences, again=again)


def _slow(payment: Payment) -> Status:
    trying = payment.status == PaymentStatus.RETRYING
    first = words.customer_message(payment) if trying else "Your payment goes on in the background."
    return Status(
        "slow",
        "This is taking longer than usual",
        (first, _MAY_CLOSE, f"Please do not pay again. {_NOT_TWICE}"),
        refresh=5,
    )


def _action(payment: Payment, *, came_back: bool) -> Status:
    if came_back:
        return Status(
            "came_back",
            "Thank you. We are asking your bank…",
            (f"This usually takes a few seconds. {_NOT_TWICE}",),
            refresh=2,
        )
    return Status(
        "action",
        "Please confirm with your bank",
        (words.customer_message(payment), "Nothing is charged before you do."),
        refresh=10,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order as the customer reads it."""

    name: str
    quantity: int
    amount: str


def lines_of(order: Order) -> list[Line]:
    """Return the order's lines with readable amounts."""
    return [
        Line(str(line["name"]), int(line["quantity"]), _grouped(str(line["amount"]), order.currency))
        for line in order.lines
    ]


def amount_of(order: Order) -> str:
    return readable(order.amount, order.currency)


def readable(minor: int, currency: str) -> str:
    """Return an amount for people: exact, thousands apart, with its currency: `1,234.50 USD`, `12,500 JPY`."""
    return _grouped(money.decimal_text(minor, currency), currency)


def _grouped(text: str, currency: str) -> str:
    whole, point, fraction = text.partition(".")
    sign, digits = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{point}{fraction} {currency}"
