"""What a gateway is asked, and answers, about money after its capture: refunds and disputes.

As everywhere, an adapter translates and never raises for what a gateway or a network can do (base.py).
"""

from dataclasses import dataclass

from payments.gateways.base import Outcome


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Give back `amount` minor units of the charge `charge`, the gateway's own id of it.

    key: the refund's own id, constant over all sends (requirement D2). payment_id: our reference of the charge.
    reason: one of our words for why. ends_at: as for a charge.
    """

    key: str
    charge: str
    payment_id: str
    amount: int
    currency: str
    ends_at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RefundLookUpRequest:
    """Ask what became of the refund sent under `key`, or of the one with the gateway's own id `reference`.

    charge, payment_id, amount (minor units) and currency are what was sent, so that the reply can be checked.
    ends_at: monotonic time, in seconds, at which the whole call is over.
    """

    key: str
    charge: str
    payment_id: str
    amount: int
    currency: str
    ends_at: float
    reference: str = ""


@dataclass(frozen=True, slots=True)
class ListedRefund:
    """One refund of a gateway's own list, whoever made it. amount: minor units; created: the gateway's time, seconds.

    key: under which it was made; empty where it was made at the gateway's dashboard. charge: the gateway's id of the
    charge. outcome: SUCCEEDED, PENDING or DECLINED (it failed, or bounced, with its code), UNKNOWN for other words.
    """

    reference: str
    key: str
    charge: str
    payment_id: str
    amount: int
    currency: str
    live: bool
    created: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RefundListing:
    """The newest refunds of a gateway. trouble: why the list could not be read to its end, as a machine word."""

    refunds: tuple[ListedRefund, ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class DisputeRequest:
    """Ask about the dispute with the gateway's own id `reference`. ends_at: as for a look-up."""

    reference: str
    ends_at: float


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """One dispute as the gateway reports it. charge: the gateway's id of the disputed charge; amount: minor units.

    status: `open` (the money is held), `won` (it is ours again), `lost` (it is gone), or `unknown` where no usable
    answer came, and `not_found`. reason: the gateway's word. due_by, created: the gateway's time, seconds since 1970.
    trouble: why nothing is known, as a machine word; opens_breaker: as in Outcome; retry_after: seconds.
    """

    status: str
    reference: str = ""
    charge: str = ""
    payment_id: str = ""
    amount: int = 0
    currency: str = ""
    reason: str = ""
    due_by: int | None = None
    created: int | None = None
    live: bool = False
    trouble: str = ""
    opens_breaker: bool = False
    retry_after: int | None = None
