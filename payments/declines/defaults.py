"""The built-in meaning of each decline code: from S0 and the references' table of declines (requirement B5).

It holds where no rule in the database says otherwise. docs/declines.md shows it as a table.
"""

from typing import Final

from payments.declines.meaning import Decline, DeclineClass, fraud

_AGAIN: Final = "The payment could not be processed. You were not charged. Please try again."
_OUR_SIDE: Final = "Something went wrong on our side. You were not charged. Please try again in a few minutes."
_NOT_NOW: Final = "We cannot take payments right now. You were not charged. Please try again a little later."


def _soft(code: str, internal: str, *, three_d_secure: bool = False) -> Decline:
    return Decline(
        DeclineClass.SOFT,
        code,
        _AGAIN,
        retryable=True,
        needs_another_card=False,
        internal_message=internal,
        three_d_secure=three_d_secure,
    )


def _authentication(code: str, internal: str, words: str, *, three_d_secure: bool = False) -> Decline:
    return Decline(
        DeclineClass.AUTHENTICATION,
        code,
        words,
        retryable=True,
        needs_another_card=False,
        internal_message=internal,
        three_d_secure=three_d_secure,
    )


def _hard(code: str, internal: str, words: str, *, needs_another_card: bool = True) -> Decline:
    return Decline(
        DeclineClass.HARD,
        code,
        words,
        retryable=False,
        needs_another_card=needs_another_card,
        internal_message=internal,
    )


def _processing(code: str, internal: str, words: str = _OUR_SIDE) -> Decline:
    return Decline(
        DeclineClass.PROCESSING, code, words, retryable=True, needs_another_card=False, internal_message=internal
    )


_DECLINES: Final = (
    _soft("issuer_unavailable", "The bank that issued the card could not be reached"),
    _soft("try_again_later", "The issuer asks to try again later"),
    _soft("do_not_honor", "The issuer declined without a reason", three_d_secure=True),
    _soft("generic_decline", "The gateway gave no reason", three_d_secure=True),
    _soft("velocity", "The card was used too often within a short time"),
    _soft("temporary_hold", "The issuer holds the card back for the moment"),
    _authentication(
        "authentication_required",
        "The issuer wants the customer to confirm with 3-D Secure",
        "Your bank wants you to confirm this payment. You were not charged. Please try again.",
        three_d_secure=True,
    ),
    _authentication(
        "3ds_failed",
        "3-D Secure failed: the issuer did not believe that it was the cardholder",
        "Your bank could not confirm that it was you. You were not charged. Please try again.",
    ),
    _authentication(
        "3ds_expired",
        "The customer did not finish 3-D Secure in time",
        "The confirmation with your bank took too long. You were not charged. Please try again.",
    ),
    _authentication(
        "customer_canceled",
        "The customer canceled 3-D Secure",
        "You canceled the confirmation. You were not charged. Please try again if you like.",
    ),
    _hard(
        "insufficient_funds",
        "Card has insufficient funds",
        "Your card has insufficient funds. You were not charged. Please use a different card.",
    ),
    _hard(
        "expired_card",
        "Card has expired",
        "Your card has expired. You were not charged. Please use a different card.",
    ),
    _hard(
        "invalid_number",
        "Card number is invalid",
        "The card number is not right. You were not charged. Please check it and try again.",
        needs_another_card=False,
    ),
    _hard(
        "card_not_supported",
        "The issuer or gateway does not take this kind of card or purchase",
        "This kind of card is not supported. You were not charged. Please use a different card.",
    ),
    _hard(
        "account_closed",
        "The account behind the card is closed",
        "This card can no longer be used. You were not charged. Please use a different card.",
    ),
    _processing("processing_error", "The gateway failed to process the charge, and did not charge"),
    _processing("rate_limit", "The gateway asked us to slow down, and did not charge"),
    _processing("not_processed", "The gateway says definitively that it did not process the charge"),
)

# Payments that ended uncharged without a gateway's decline, under codes of our own.
_OURS: Final = (
    _processing("gateway_unavailable", "The gateway could not be reached, and the tries are used up"),
    _processing("no_gateway", "No gateway can take payments now", _NOT_NOW),
    _processing("charge_voided", "The charge was undone at the gateway"),
    _processing("gateway_rejected", "The gateway refused our request as wrong"),
    _hard(
        "unread_decline",
        "The gateway declined; its reason got lost on the way",
        "Your card was declined. You were not charged. Please try a different card.",
    ),
    _hard(
        "network_limit",
        "The card network allows no further try with this card for now",
        "This card cannot be tried again for now. You were not charged. Please use a different card.",
    ),
)

_FRAUD: Final = {
    "stolen_card": "Card reported stolen. Do not tell the customer",
    "lost_card": "Card reported lost. Do not tell the customer",
    "pickup_card": "The issuer wants the card to be taken away. Do not tell the customer",
    "fraud_detected": "Fraud detection triggered. Do not tell the customer",
    "suspicious_activity": "Suspicious activity. Do not tell the customer",
    "blocklist": "The card is on a block list. Do not tell the customer",
}

DEFAULTS: Final[dict[str, Decline]] = {
    **{each.code: each for each in _DECLINES},
    **{code: fraud(internal) for code, internal in _FRAUD.items()},
    **{each.code: each for each in _OURS},
}
