"""How the API's readers see refunds: the rules of validation.py as OpenAPI 3.1."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from payments.api import schema
from refunds.api import validation
from refunds.models import Complaint, Origin, Reason
from refunds.states import RefundAttemptState, RefundState

_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_EXACT: Final = {"type": "number", "description": "Exact, with the currency's decimals."}
_KEY: Final = schema.REQUEST["properties"]["idempotencyKey"]
_ORDER: Final = schema.REQUEST["properties"]["metadata"]["properties"]["orderID"]
_KEY_HEADER: Final = OpenApiParameter(
    "Idempotency-Key", str, "header", description="Instead of idempotencyKey in the body, or equal. One is required."
)
REQUEST: Final = schema.shape(
    {
        "idempotencyKey": {**_KEY, "description": "Names this refund for ever.", "examples": ["order_123_refund_1"]},
        "amount": {
            "type": "number",
            "description": "A plain decimal with at most the currency's decimals; absent: all that is left.",
            "exclusiveMinimum": 0,
            "examples": [30.00],
        },
        "currency": {"type": ["string", "null"], "description": "If given, the payment's."},
        "reason": {"type": "string", "enum": Reason.values},
        "note": {
            "type": ["string", "null"],
            "maxLength": validation.MAX_NOTE,
            "description": "For people of the shop; customers do not see it. Line ends become spaces.",
        },
    },
    ["reason"],
    additionalProperties=False,
)
COMPLAINT: Final = schema.shape(
    {
        "idempotencyKey": {**_KEY, "examples": ["order_123_complaint_1"]},
        "orderID": _ORDER,
        "complaint": {
            "type": "string",
            "minLength": 1,
            "maxLength": validation.MAX_COMPLAINT,
            "description": "What the customer says.",
        },
    },
    ["orderID", "complaint"],
    additionalProperties=False,
)
_FIELDS: Final = {
    "refundID": {"type": "string"},
    "paymentID": {"type": "string"},
    "status": {"type": "string", "enum": RefundState.values},
    "outcomeUnknown": {"type": "boolean", "description": "It is being found out: do not refund in another way."},
    "amount": _EXACT,
    "amountMinor": {"type": "integer"},
    "currency": {"type": "string"},
    "reason": {"type": "string", "enum": Reason.values},
    "note": {"type": "string"},
    "origin": {"type": "string", "enum": Origin.values},
    "external": {"type": "boolean", "description": "Made at the gateway's own dashboard."},
    "needsApproval": {"type": "boolean", "description": "It was or is above the limit: a second person decides."},
    "failureCode": {
        **_MAYBE_TEXT,
        "description": "Why it failed or was called off; `card_declined` where the reason is not told.",
    },
    "gateway": {"type": "string"},
    "gatewayReference": _MAYBE_TEXT,
    "idempotencyKey": {**_MAYBE_TEXT, "description": "null where it was not a program that asked."},
    "createdAt": schema.TIME,
    "updatedAt": schema.TIME,
    "finishedAt": schema.MAYBE_TIME,
}
REFUND: Final = schema.shape(_FIELDS)
# What events about refunds carry.
PAYMENT_WITH_REFUND: Final = schema.shape({**schema.PAYMENT["properties"], "refund": REFUND})
_ATTEMPT: Final = schema.shape(
    {
        "number": {"type": "integer"},
        "status": {"type": "string", "enum": RefundAttemptState.values},
        "sentAt": schema.TIME,
        "finishedAt": schema.MAYBE_TIME,
    }
)
REFUND_WITH_ATTEMPTS: Final = schema.shape({**_FIELDS, "attempts": {"type": "array", "items": _ATTEMPT}})
ANSWERED: Final = schema.shape(
    {
        "complaintID": {"type": "string"},
        "orderID": {"type": "string"},
        "paymentID": {"type": "string"},
        "decision": {"type": "string", "enum": Complaint.Decision.values},
        "why": {"type": "string", "description": "In words."},
        "amount": {**_EXACT, "description": "What is at stake: exact."},
        "amountMinor": {"type": "integer"},
        "currency": {"type": "string"},
        "refund": {**REFUND, "type": ["object", "null"]},
        "taskID": {"type": ["integer", "null"], "description": "Of the question to people in the console."},
    }
)
_WRITES: Final = (400, 401, 403, 404, 409, 413, 415, 422, 503)

REFUND_PAYMENT: Final[dict[str, Any]] = {
    "operation_id": "refundPayment",
    "tags": ["refunds"],
    "description": "Scope: refunds:write.",
    "request": {"application/json": REQUEST},
    "parameters": [
        _KEY_HEADER,
        OpenApiParameter(
            "Prefer", str, "header", description="wait=N: answer as soon as the outcome is known, N ≤ 20 s."
        ),
    ],
    "responses": {
        (202, "application/json"): OpenApiResponse(
            REFUND, "Taken, durably: its amount is reserved. Above the limit it is `awaiting_approval` by a person."
        ),
        **schema.problems(*_WRITES),
    },
}
LIST: Final[dict[str, Any]] = {
    "operation_id": "listRefunds",
    "tags": ["refunds"],
    "description": "Scope: refunds:read. Newest first.",
    "parameters": [
        OpenApiParameter("limit", int, description="1 to 100."),
        OpenApiParameter("cursor", str, description="nextCursor of the page before."),
        OpenApiParameter("paymentID", str),
        OpenApiParameter("status", str, enum=RefundState.values),
        OpenApiParameter("createdAfter", str, description="RFC 3339, with its zone."),
    ],
    "responses": {
        **schema.answers(
            schema.shape({"data": {"type": "array", "items": REFUND}, "nextCursor": _MAYBE_TEXT}), "One page."
        ),
        **schema.problems(400, 401, 403, 503),
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "operation_id": "getRefund",
    "tags": ["refunds"],
    "description": "Scope: refunds:read.",
    "responses": {**schema.answers(REFUND_WITH_ATTEMPTS, "The refund."), **schema.problems(401, 403, 404, 503)},
}
CANCEL: Final[dict[str, Any]] = {
    "operation_id": "cancelRefund",
    "tags": ["refunds"],
    "description": "Scope: refunds:write. Only while nothing of it was sent.",
    "request": None,
    "responses": {**schema.answers(REFUND, "Called off."), **schema.problems(401, 403, 404, 409, 503)},
}
PROACTIVE: Final[dict[str, Any]] = {
    "operation_id": "refundProactively",
    "tags": ["refunds"],
    "description": "Scope: refunds:write. A small order is refunded at once; anything else a person decides.",
    "request": {"application/json": COMPLAINT},
    "parameters": [_KEY_HEADER],
    "responses": {
        (202, "application/json"): OpenApiResponse(ANSWERED, "Refunded at once, or handed to people; `why` says why."),
        **schema.problems(*_WRITES),
    },
}
