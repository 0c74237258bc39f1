"""How the readers of events see disputes, as OpenAPI 3.1."""

from typing import Any, Final

from disputes.states import DisputeStatus
from payments.api import schema

_EXACT: Final = {"type": "number", "description": "Exact, with the currency's decimals."}
DISPUTE: Final[dict[str, Any]] = schema.shape(
    {
        "disputeID": {"type": "string"},
        "paymentID": {"type": "string"},
        "status": {"type": "string", "enum": DisputeStatus.values},
        "confirmed": {"type": "boolean", "description": "The gateway was asked and said so."},
        "amount": _EXACT,
        "amountMinor": {"type": "integer"},
        "currency": {"type": "string"},
        "reason": {"type": ["string", "null"], "description": "The gateway's word."},
        "refundedBefore": {**_EXACT, "description": "What was refunded or being refunded when it was opened."},
        "refundedBeforeMinor": {"type": "integer"},
        "gateway": {"type": "string"},
        "gatewayReference": {"type": "string"},
        "respondBy": schema.MAYBE_TIME,
        "openedAt": schema.TIME,
        "closedAt": schema.MAYBE_TIME,
    }
)
PAYMENT_WITH_DISPUTE: Final = schema.shape({**schema.PAYMENT["properties"], "dispute": DISPUTE})
