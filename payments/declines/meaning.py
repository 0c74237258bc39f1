"""What can be said of a decline, and the words that hide a reason (requirement B5)."""

import re
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

# Declines after which the same card is of no use: never tried again, nor cured by the customer's bank.
FINAL: Final = frozenset({DeclineClass.HARD, DeclineClass.FRAUD})
# Declines that a confirmation by the customer's bank may turn into a success (level 2 of the ladder).
CURABLE: Final = frozenset({DeclineClass.SOFT, DeclineClass.AUTHENTICATION})

_NAMES_FRAUD: Final = re.compile(
    r"stolen|theft|fraud|pick_?up|bl[ao]c?k_?list|suspicio|suspect|counterfeit|lost_?card|card_?lost"
)


@dataclass(frozen=True, slots=True)
class Decline:
    """What one decline code of one gateway means.

    code: what clients may read; words: what the customer reads; internal_message: what operators read, who alone learn
    of fraud. retryable: whether the same card may work later. three_d_secure: whether a confirmation by the customer's
    bank may turn it into a success. is_mapped: false for a code that nobody mapped.
    """

    decline_class: DeclineClass
    code: str
    words: str
    retryable: bool
    needs_another_card: bool
    internal_message: str
    three_d_secure: bool = False
    is_mapped: bool = True


UNMAPPED: Final = Decline(
    DeclineClass.HARD,
    NEUTRAL_CODE,
    NEUTRAL_WORDS,
    retryable=False,
    needs_another_card=True,
    internal_message="Nobody has said yet what this code means",
    is_mapped=False,
)


def fraud(internal_message: str) -> Decline:
    """Return a decline for fraud: whatever the reason, it reads like any other decline."""
    return Decline(
        DeclineClass.FRAUD,
        NEUTRAL_CODE,
        NEUTRAL_WORDS,
        retryable=False,
        needs_another_card=True,
        internal_message=internal_message,
    )


def names_fraud(code: str) -> bool:
    """Say whether the code itself gives the reason away, so that clients may never read it: `card_stolen`."""
    return _NAMES_FRAUD.search(code.casefold()) is not None
