"""What an operator may do with a payment: which acts are legal now, and why others are not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from payments.admin.confirm import RefusedError
from payments.admin.payment import try_again
from payments.audit import Because
from payments.models import Attempt, Payment
from payments.services.ask_now import CAN_BE_ASKED, ask_now
from payments.services.cancel import CannotCancelError, cancel
from payments.states import PAYMENT, AttemptState, PaymentStatus

WhyNot = Callable[[Payment, list[Attempt]], str]
Will = Callable[[Payment], str]


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did. words: for the operator. payment: the one that goes on, where it is another."""

    words: str
    payment: Payment | None = None


Act = Callable[[str, Because, str], Done]


@dataclass(frozen=True, slots=True)
class Action:
    """One act. why_not: why it is not offered now, empty where it is; the service behind `act` has the last word.

    will: what happens, told for a payment. act: does it, by payment id, actor and reason; raises RefusedError.
    """

    slug: str
    label: str
    will: Will
    why_not: WhyNot
    act: Act
    is_dangerous: bool = False


def _still_open(attempts: list[Attempt]) -> Attempt | None:
    return next((attempt for attempt in attempts if attempt.is_open), None)


def _why_not_ask(_: Payment, attempts: list[Attempt]) -> str:
    attempt = _still_open(attempts)
    if attempt is None:
        return "No charge is open at a gateway, so there is nothing to ask about."
    if attempt.state not in CAN_BE_ASKED:
        return f"{attempt.gateway} has just been sent the charge and its answer is waited for."
    return ""


def _ask(payment_id: str, because: Because, reason: str) -> Done:
    if not ask_now(payment_id, because, reason):
        raise RefusedError("No charge waits to be asked about any more. Nothing was changed.")
    return Done("The gateway will be asked within seconds. Reload the page to see the answer.")


def _try_again(payment_id: str, because: Because, reason: str) -> Done:
    words, found = try_again.act(payment_id, because, reason)
    return Done(words, found)


_CANNOT_CANCEL: Final = {
    "already_paid": "The payment is paid. Canceling cannot give the money back.",
    "outcome_open": "A charge is open at a gateway: the customer may be charged or have been charged already.",
    "not_cancelable": "In this state a payment cannot be canceled.",
}


def _why_not_cancel(payment: Payment, attempts: list[Attempt]) -> str:
    if payment.status == PaymentStatus.SUCCESS:
        return _CANNOT_CANCEL["already_paid"]
    if _still_open(attempts) is not None or any(attempt.state == AttemptState.SUCCEEDED for attempt in attempts):
        return _CANNOT_CANCEL["outcome_open"]
    if not PAYMENT.allows(payment.status, PaymentStatus.CANCELED):
        return _CANNOT_CANCEL["not_cancelable"]
    return ""


def _cancel(payment_id: str, because: Because, reason: str) -> Done:
    try:
        cancel(payment_id, because, reason)
    except CannotCancelError as error:
        raise RefusedError(f"{_CANNOT_CANCEL.get(error.code, error.code)} Nothing was changed.") from None
    return Done("The payment is canceled. The customer was not charged.")


def _always(words: str) -> Will:
    return lambda _: words


ACTIONS: Final = {
    action.slug: action
    for action in (
        Action(
            slug="ask",
            label="Ask the gateway now",
            will=_always(
                "A worker asks the gateway within seconds what became of the open charge, instead of at the next "
                "planned time. Where the gateway does not know the charge, the same charge may be sent again under its "
                "own key, which charges at most once. What the gateway answers takes effect at once."
            ),
            why_not=_why_not_ask,
            act=_ask,
        ),
        Action(
            slug="again",
            label="Try again",
            will=try_again.will,
            why_not=try_again.why_not,
            act=_try_again,
        ),
        Action(
            slug="cancel",
            label="Cancel payment",
            will=_always(
                "The payment ends as canceled and is never sent to a gateway again. Nothing was charged and nothing "
                "will be. The customer can pay the order again with a new payment. This cannot be undone."
            ),
            why_not=_why_not_cancel,
            act=_cancel,
            is_dangerous=True,
        ),
    )
}
