"""What apps above this one tell the customer about money that is not back yet: refunds.

An app registers one teller when it starts (`apps.py: ready`). What is back for certain needs none: `Payment.refunded`.
"""

from collections.abc import Callable
from typing import Final

from payments.models import Payment

# Returns whole sentences, amounts with their currency. Called for every look at a payment: at most one statement, and
# none where the payment itself shows that there is nothing to tell.
Teller = Callable[[Payment], tuple[str, ...]]

_tellers: Final[dict[str, Teller]] = {}


def register(name: str, teller: Teller) -> None:
    """Let `teller` add its sentences to the status page of every payment."""
    _tellers[name] = teller


def money_back_of(payment: Payment) -> tuple[str, ...]:
    """Return what the customer reads about money of `payment` that is on its way back, or did not arrive."""
    return tuple(sentence for teller in _tellers.values() for sentence in teller(payment))
