"""When the sandbox gateway refuses a refund, and with which code: the rules it has and documents itself."""

from typing import NamedTuple

from payments.gateways.sandbox.charge import Charge


class Standing(NamedTuple):
    """What there is against a charge. given_back, lost: minor units refunded, and lost to disputes; age_ms: its age.

    disputed: whether a dispute of it is open.
    """

    given_back: int
    lost: int
    disputed: bool
    age_ms: int


def refusal(charge: Charge, amount: int, currency: str, standing: Standing, days: float) -> str:
    """Return the code why `amount` minor units of `charge` cannot be refunded, or an empty text.

    days: for how long after it was made a charge can be refunded, the last instant included.
    """
    if charge.status != "succeeded":
        return "charge_not_refundable"
    if currency != charge.currency:
        return "currency_mismatch"
    if standing.disputed:
        return "charge_disputed"
    if standing.age_ms > days * 24 * 60 * 60 * 1000:
        return "refund_window_over"
    if standing.given_back + standing.lost + amount > charge.amount:
        return "amount_exceeds_refundable"
    return ""
