"""Database triggers of refunds, installed after every migration as those of payments (payments/guards.py).

`Sums` is what makes more refunds than the capture impossible (requirement D1): whatever writes a refund moves the
counters of its payment, whose check constraint has the last word.
"""

from typing import Final

from payments.guards import Guard, StateGuard, Sums
from refunds.states import BULK, REFUND, REFUND_ATTEMPT, RESERVED, RefundState

REFUND_SUMS: Final = Sums(
    "refunds_refund",
    "state",
    parent="payments_payment",
    foreign_key="payment_id",
    sums={"refund_reserved": RESERVED, "refunded": (RefundState.SUCCEEDED,)},
)

REFUND_GUARDS: Final[tuple[Guard, ...]] = (
    StateGuard(
        "refunds_refund",
        "state",
        REFUND,
        frozen=(
            *("payment_id", "client_id", "charge_id", "gateway", "amount", "currency"),
            *("reason", "note", "idempotency_key", "requested_by", "parameters_hash"),
        ),
    ),
    REFUND_SUMS,
    StateGuard("refunds_refundattempt", "state", REFUND_ATTEMPT, frozen=("refund_id", "number")),
    StateGuard("refunds_bulkrefund", "state", BULK, frozen=("requested_by", "parameters_hash")),
)
