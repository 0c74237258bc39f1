"""How the API's readers see the payments endpoints."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from payments.api import schema
from payments.states import PaymentStatus

_AUDIT_ENTRY: Final = schema.shape(
    {
        "id": {"type": "integer"},
        **{name: {"type": "string"} for name in ("paymentID", "entityID", "action", "status", "before")},
        **{name: {"type": "string"} for name in ("details", "actor", "cause")},
        "timestamp": schema.TIME,
    }
)
_READS: Final = (401, 403, 404, 503)

PROCESS: Final[dict[str, Any]] = {
    "operation_id": "processPayment",
    "tags": ["payments"],
    "request": {"application/json": schema.REQUEST},
    "parameters": [
        OpenApiParameter(
            "Idempotency-Key", str, "header", description="Instead of idempotencyKey in the body, or equal."
        ),
        OpenApiParameter(
            "Prefer", str, "header", description="wait=N: answer as soon as the outcome is known, N ≤ 20 s."
        ),
    ],
    "responses": {
        (202, "application/json"): OpenApiResponse(
            schema.PAYMENT, "Accepted, durably: it will be settled whatever happens."
        ),
        **schema.problems(400, 401, 403, 409, 413, 415, 422, 503),
    },
}
LIST: Final[dict[str, Any]] = {
    "operation_id": "listPayments",
    "tags": ["payments"],
    "parameters": [
        OpenApiParameter("limit", int, description="1 to 100."),
        OpenApiParameter("cursor", str, description="nextCursor of the page before."),
        OpenApiParameter("orderID", str),
        OpenApiParameter("status", str, enum=PaymentStatus.values),
        OpenApiParameter("createdAfter", str, description="RFC 3339, with its zone."),
    ],
    "responses": {
        **schema.answers(
            schema.shape({"data": {"type": "array", "items": schema.PAYMENT}, "nextCursor": schema.MAYBE_TEXT}),
            "One page.",
        ),
        **schema.problems(400, 401, 403, 503),
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "operation_id": "getPayment",
    "tags": ["payments"],
    "responses": {**schema.answers(schema.PAYMENT_WITH_ATTEMPTS, "The payment."), **schema.problems(*_READS)},
}
STATUS: Final[dict[str, Any]] = {
    "operation_id": "getPaymentStatus",
    "tags": ["payments"],
    "parameters": [OpenApiParameter("wait", int, description="Seconds to wait for the outcome, at most 20.")],
    "responses": {**schema.answers(schema.STATUS_BODY, "The status."), **schema.problems(400, *_READS)},
}
CANCEL: Final[dict[str, Any]] = {
    "operation_id": "cancelPayment",
    "tags": ["payments"],
    "request": None,
    "responses": {**schema.answers(schema.PAYMENT, "Canceled."), **schema.problems(401, 403, 404, 409, 503)},
}
VALIDATE_KEY: Final[dict[str, Any]] = {
    "operation_id": "validateKey",
    "tags": ["idempotency"],
    "request": {
        "application/json": {
            "anyOf": [
                schema.shape(
                    {"idempotencyKey": schema.REQUEST["properties"]["idempotencyKey"]}, additionalProperties=False
                ),
                schema.REQUEST,
            ]
        }
    },
    "responses": {
        **schema.answers(schema.KEY_STATE, "What the key names."),
        **schema.problems(400, 401, 403, 413, 415, 503),
    },
}
KEY: Final[dict[str, Any]] = {
    "operation_id": "getKey",
    "tags": ["idempotency"],
    "responses": {**schema.answers(schema.KEY_RECORD, "The key's record."), **schema.problems(*_READS)},
}
AUDIT: Final[dict[str, Any]] = {
    "operation_id": "listAuditEntries",
    "tags": ["audit"],
    "parameters": [OpenApiParameter("paymentID", str, required=True)],
    "responses": {
        **schema.answers(schema.shape({"data": {"type": "array", "items": _AUDIT_ENTRY}}), "Oldest first."),
        **schema.problems(400, *_READS),
    },
}
