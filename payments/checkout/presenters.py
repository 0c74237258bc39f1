"""From states to words: what the checkout and status pages say. Never the gateway's text, never a reason of fraud."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from payments import words
from payments.checkout.waits import in_about
from payments.declines import decline
from payments.models import Payment, SurplusCharge
from payments.reliability import refundable
from payments.reliability.ladder import ANOTHER_WAY
from payments.states import PaymentStatus

# Seconds after which the page says that it takes longer (requirement F2: 5 to 10).
SLOW_AFTER: Final = 7.0
# Seconds between two looks of a page on which nothing is about to happen.
SELDOM: Final = 30

_NOT_TWICE: Final = "You will not be charged twice."
_MAY_CLOSE: Final = "You may close this page and come back to it later: it always shows how things stand."
_NOT_CHARGED: Final = "You were not charged"
# Where no gateway's card form comes: nothing was sent to anybody, as the card was never typed.
NO_CARD_FORM: Final = (
    "We cannot take card payments at this moment",
    "This is our fault, not yours and not your card's. Nothing was charged, and your order is kept.",
)
# To whoever comes back without a proof: true of every payment and of none.
CLOSE_WINDOW: Final = f"If you confirmed a payment, we ask your bank for its answer. {_NOT_TWICE}"
_ENDED: Final = (PaymentStatus.FAILED, PaymentStatus.EXPIRED, PaymentStatus.CANCELED)


@dataclass(frozen=True, slots=True)
class Status:
    """What the status page says. name: of its look and of its part in the template; refresh: seconds between two
    looks of a browser without JavaScript, 0 where nothing changes by itself; again: what the button for another try
    says, empty where there is none; suggests: whether other ways to pay are suggested (level 5).
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    refresh: int = 0
    again: str = ""
    suggests: bool = False

    @property
    def is_final(self) -> bool:
        return self.refresh == 0

    @property
    def is_slow(self) -> bool:
        """Whether the page need not look often."""
        return self.refresh >= SELDOM

    @property
    def offers_contact(self) -> bool:
        """Whether the customer may have a question: not where all is done."""
        return self.name != "paid" or not self.is_final

    def tag(self, payment: Payment) -> str:
        """Return a short text that changes whenever what the page says changes, or whether it looks again."""
        end = "end" if self.is_final else ""
        said = (payment.pk, payment.action_url, self.name, self.title, end, *self.sentences)
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def status_of(
    payment: Payment,
    *,
    now: datetime,
    came_back: bool = False,
    surplus: Collection[SurplusCharge] = (),
    mail: str = "",
    money_back: tuple[str, ...] = (),
) -> Status:
    """Return what the customer reads about `payment` at `now`.

    came_back: just now, from the bank's confirmation. surplus: what gateways took for the order without right.
    mail: the sentence about the e-mail that the customer gets, if any (payments/checkout/mails.py).
    money_back: what is told about money on its way back (payments/checkout/giving_back.py).
    """
    status = _status_of(payment, now=now, came_back=came_back, mail=mail, money_back=money_back)
    if not surplus:
        return status
    said = words.surplus_message(surplus, is_paid=payment.status == PaymentStatus.SUCCESS)
    # "You were not charged" would not be true any more.
    if payment.status in _ENDED:
        return replace(status, sentences=(said,))
    kept = (sentence for sentence in status.sentences if "not been charged" not in sentence)
    return replace(status, sentences=(*kept, said))


def _status_of(payment: Payment, *, now: datetime, came_back: bool, mail: str, money_back: tuple[str, ...]) -> Status:
    if payment.status == PaymentStatus.SUCCESS:
        return _paid(payment, money_back)
    if payment.status in _ENDED:
        return _ended(payment, mail)
    if payment.status == PaymentStatus.REQUIRES_ACTION:
        return _action(payment, now=now, came_back=came_back)
    if payment.outcome_unknown:
        return _checking(payment)
    if words.is_accepted_unpaid(payment):
        sentences = (words.customer_message(payment), mail, _MAY_CLOSE)
        return Status("accepted", "Your order is accepted", tuple(filter(None, sentences)), refresh=SELDOM)
    if payment.status == PaymentStatus.REVIEW:
        return _checking(payment)
    if payment.status == PaymentStatus.RETRYING:
        return _retrying(payment, now)
    if (now - payment.created_at).total_seconds() >= SLOW_AFTER:
        return _slow()
    return Status(
        "processing",
        "Processing your payment…",
        (words.customer_message(payment), f"This usually takes a few seconds. {_NOT_TWICE}"),
        refresh=2,
    )


def _paid(payment: Payment, money_back: tuple[str, ...]) -> Status:
    title = "Refunded" if refundable.standing(payment) is refundable.Standing.FULL else "Paid. Thank you!"
    # By the counters, too: a refund may have been approved, or be done, since the payment was read.
    is_moving = bool(money_back) or payment.refund_reserved != payment.refunded
    sentences = (words.customer_message(payment), *money_back)
    return Status("paid", title, sentences, refresh=SELDOM if is_moving else 0)


def _ended(payment: Payment, mail: str) -> Status:
    message = words.customer_message(payment)
    not_charged = "" if _NOT_CHARGED in message else f"{_NOT_CHARGED}."
    sentences = tuple(filter(None, (message, not_charged, mail)))
    if words.is_our_fault(payment):
        return Status("sorry", "We are sorry: this did not work", sentences, again="Try again")
    if payment.status == PaymentStatus.EXPIRED:
        return Status("failed", "This took too long", sentences, again="Try again")
    failed = payment.status == PaymentStatus.FAILED
    other_card = failed and decline(payment.error_code, payment.gateway).needs_another_card
    return Status(
        "failed",
        "The payment did not go through",
        sentences,
        again="Try another card" if other_card else "Try again",
        suggests=failed and payment.level == ANOTHER_WAY,
    )


def _checking(payment: Payment) -> Status:
    return Status(
        "checking", "We are checking with the bank", (words.customer_message(payment), _MAY_CLOSE), refresh=10
    )


def _retrying(payment: Payment, now: datetime) -> Status:
    sentences = [words.customer_message(payment), f"The next try is {in_about(payment.due_at, now)}. {_NOT_TWICE}"]
    if (now - payment.created_at).total_seconds() >= SLOW_AFTER:
        sentences.append(_MAY_CLOSE)
    return Status("retrying", "We are trying again…", tuple(sentences), refresh=3)


def _slow() -> Status:
    return Status(
        "slow",
        "This is taking longer than usual",
        ("Your payment goes on in the background.", _MAY_CLOSE, f"Please do not pay again. {_NOT_TWICE}"),
        refresh=5,
    )


def _action(payment: Payment, *, now: datetime, came_back: bool) -> Status:
    if came_back and _is_being_asked(payment, now):
        return Status(
            "came_back",
            "Thank you. We are asking your bank…",
            (f"This usually takes a few seconds. {_NOT_TWICE}",),
            refresh=2,
        )
    if came_back:
        return Status(
            "action",
            "Your bank has not confirmed it yet",
            (
                "We asked, and your bank still waits for your confirmation. Nothing is charged before you confirm.",
                "If you have just confirmed it, stay here: this page shows the answer by itself.",
            ),
            refresh=5,
        )
    return Status(
        "action",
        "Please confirm with your bank",
        (
            words.customer_message(payment),
            "Nothing is charged before you do. If you do not, the payment ends by itself after some time.",
        ),
        refresh=10,
    )


def _is_being_asked(payment: Payment, now: datetime) -> bool:
    """Say whether the gateway's answer to the customer's return is still awaited.

    Whoever comes back makes the payment due at once (payments/services/nudge.py); once it was asked, it is due later.
    """
    return payment.claimed_until is not None or payment.due_at is None or payment.due_at <= now


def close_window(payment: Payment) -> str:
    """Return what a customer who came back from the bank reads where the shop has a page of its own for the result."""
    if payment.status == PaymentStatus.REQUIRES_ACTION:
        return f"We are asking your bank for its answer and pass it on to the shop. {_NOT_TWICE}"
    if payment.status in {PaymentStatus.EXPIRED, PaymentStatus.CANCELED}:
        return "The payment was closed before you came back, and you were not charged. The shop knows."
    return f"Your bank's answer has arrived at the shop. {_NOT_TWICE}"
