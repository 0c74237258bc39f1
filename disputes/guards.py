"""Database triggers of disputes, installed after every migration as those of payments (payments/guards.py)."""

from typing import Final

from disputes.states import DISPUTE, DisputeStatus
from payments.guards import Guard, StateGuard, Sums

DISPUTE_SUMS: Final = Sums(
    "disputes_dispute",
    "status",
    parent="payments_payment",
    foreign_key="payment_id",
    sums={"disputed": (DisputeStatus.NEEDS_RESPONSE,), "charged_back": (DisputeStatus.LOST,)},
)

DISPUTE_GUARDS: Final[tuple[Guard, ...]] = (
    StateGuard(
        "disputes_dispute",
        "status",
        DISPUTE,
        frozen=("payment_id", "charge_id", "gateway", "gateway_reference", "currency"),
    ),
    DISPUTE_SUMS,
)
