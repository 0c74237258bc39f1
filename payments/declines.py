"""What a decline code means: its class, what the customer reads, and what may be done next (requirement B5).

Reasons of fraud are for operators alone: customers and shops read the neutral words and the neutral code.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class DeclineClass(StrEnum):
    SOFT = "soft"
    AUTHENTICATION = "authentication"
    HARD = "hard"
    FRAUD = "fraud"
    PROCESSING = "processing"


# The code and words that hide a reason.
NEUTRAL_CODE: Final = "card_declined"
NEUTRAL_WORDS: Final = "Your card was declined. Please try a different card."
_AGAIN: Final = "The payment could not be processed. You were not charged. Please try again."


@dataclass(frozen=True, slots=True)
class Decline:
    """code: what clients may read. words: what the customer reads. retryable: whether the same card may work later."""

    decline_class: DeclineClass
    code: str
    words: str
    retryable: bool
    needs_another_card: bool


def _soft(code: str) -> Decline:
    return Decline(DeclineClass.SOFT, code, _AGAIN, retryable=True, needs_another_card=False)


def _hard(code: str, words: str) -> Decline:
    return Decline(DeclineClass.HARD, code, words, retryable=False, needs_another_card=True)


def _fraud() -> Decline:
    return Decline(DeclineClass.FRAUD, NEUTRAL_CODE, NEUTRAL_WORDS, retryable=False, needs_another_card=True)


def _authentication(code: str, words: str) -> Decline:
    return Decline(DeclineClass.AUTHENTICATION, code, words, retryable=True, needs_another_card=False)


def _processing(code: str) -> Decline:
    return Decline(
        DeclineClass.PROCESSING,
        code,
        "Something went wrong on our side. You were not charged. Please try again in a few minutes.",
        retryable=True,
        needs_another_card=False,
    )


_UNMAPPED: Final = _hard(NEUTRAL_CODE, NEUTRAL_WORDS)

DECLINES: Final[dict[str, Decline]] = {
    **{
        code: _soft(code)
        for code in ("issuer_unavailable", "try_again_later", "do_not_honor", "generic_decline", "velocity")
    },
    "authentication_required": _authentication(
        "authentication_required",
        "Your bank wants you to confirm this payment. You were not charged. Please try again.",
    ),
    "3ds_failed": _authentication(
        "3ds_failed", "Your bank could not confirm that it was you. You were not charged. Please try again."
    ),
    "customer_canceled": _authentication(
        "customer_canceled", "You canceled the confirmation. You were not charged. Please try again if you like."
    ),
    "insufficient_funds": _hard(
        "insufficient_funds", "Your card has insufficient funds. You were not charged. Please use a different card."
    ),
    "expired_card": _hard("expired_card", "Your card has expired. You were not charged. Please use a different card."),
    "invalid_number": Decline(
        DeclineClass.HARD,
        "invalid_number",
        "The card number is not right. You were not charged. Please check it and try again.",
        retryable=False,
        needs_another_card=False,
    ),
    "card_not_supported": _hard(
        "card_not_supported", "This kind of card is not supported. You were not charged. Please use a different card."
    ),
    "account_closed": _hard(
        "account_closed", "This card can no longer be used. You were not charged. Please use a different card."
    ),
    **{code: _fraud() for code in ("stolen_card", "lost_card", "pickup_card", "fraud_detected", "blocklist")},
    "processing_error": _processing("processing_error"),
    "rate_limit": _processing("rate_limit"),
    # Our own codes, for payments that ended without a decline.
    "gateway_unavailable": _processing("gateway_unavailable"),
    "charge_voided": _processing("charge_voided"),
    "gateway_rejected": _processing("gateway_rejected"),
}


def decline(code: str) -> Decline:
    """Return what `code` means; a code nobody mapped counts as hard and reads neutral."""
    return DECLINES.get(code, _UNMAPPED)
