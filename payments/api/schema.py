"""How the API's readers see the payments endpoints: the rules of validation.py as OpenAPI 3.1."""

from typing import Any, Final

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from payments.api import validation
from payments.models import RecoveryRun, SurplusCharge
from payments.states import AttemptState, PaymentStatus, SurplusState

_TIME: Final = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_KEY: Final = {
    "type": "string",
    "pattern": "^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{3,254}$",
    "examples": ["order_123_payment"],
}
_REFERENCE: Final = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}$"}


def _object(properties: dict[str, Any], required: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or list(properties), **more}


PROBLEM: Final = _object(
    {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "retryable": {"type": "boolean"},
        "moneyMoved": {"type": ["boolean", "null"], "description": "By this request; null where we cannot say."},
        "timestamp": _TIME,
        "paymentID": {"type": "string"},
        "errors": {
            "type": "array",
            "items": _object({"field": {"type": "string"}, "message": {"type": "string"}}),
        },
    },
    ["type", "title", "status", "detail", "code", "retryable", "moneyMoved", "timestamp"],
)
REQUEST: Final = _object(
    {
        "idempotencyKey": _KEY,
        "amount": {
            "type": "number",
            "description": "A plain decimal with at most the currency's decimals.",
            "exclusiveMinimum": 0,
            "examples": [100.00],
        },
        "currency": {"type": "string", "enum": sorted(settings.CURRENCY_LIMITS)},
        "paymentMethod": _object(
            {
                "type": {"type": "string", "enum": list(validation.METHOD_TYPES)},
                "token": {
                    "type": "string",
                    "pattern": "^[A-Za-z][A-Za-z0-9_.:-]{2,254}$",
                    "examples": ["tok_123456789"],
                },
            },
            additionalProperties=False,
        ),
        "metadata": {
            "type": "object",
            "properties": {"orderID": _REFERENCE, "customerID": _REFERENCE},
            "additionalProperties": {"type": "string", "maxLength": validation.MAX_METADATA_VALUE},
            "maxProperties": validation.MAX_METADATA_KEYS,
        },
    },
    ["amount", "currency", "paymentMethod"],
    additionalProperties=False,
)
_STATUS_FIELDS: Final = {
    "paymentID": {"type": "string"},
    "status": {"type": "string", "enum": PaymentStatus.values},
    "outcomeUnknown": {"type": "boolean"},
    "customerMessage": {"type": "string"},
    "nextAction": {
        "type": ["object", "null"],
        "properties": {"type": {"const": "redirect"}, "url": {"type": "string", "format": "uri"}},
    },
    "degradationLevel": {
        "type": "integer",
        "minimum": 1,
        "maximum": 6,
        "description": "Of the ladder, the lowest reached.",
    },
    "nextTryAt": {**_MAYBE_TIME, "description": "When it is tried again by itself, while retrying."},
    "acceptedForLater": {
        "type": "boolean",
        "description": "The order is accepted although it is not paid: it is charged when a gateway is back.",
    },
    "alternatives": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Other ways to pay to suggest to the customer of a failed payment.",
    },
    "lastError": {
        "type": ["object", "null"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "details": {"type": "string"},
            "retryable": {"type": "boolean"},
            "timestamp": _MAYBE_TIME,
        },
    },
    "updatedAt": _TIME,
}
STATUS_BODY: Final = _object(_STATUS_FIELDS)
_PAYMENT_FIELDS: Final = {
    **_STATUS_FIELDS,
    "idempotencyKey": {"type": "string"},
    "amount": {"type": "number", "description": "Exact, with the currency's decimals."},
    "amountMinor": {"type": "integer"},
    "currency": {"type": "string"},
    "orderID": {"type": "string"},
    "paymentMethod": _object({"type": {"type": "string"}}),
    "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    "retryCount": {"type": "integer"},
    "maxRetries": {"type": "integer"},
    "version": {"type": "integer", "description": "1, and one more with each retry of a payment that had ended."},
    "retryOf": {**_MAYBE_TEXT, "description": "The payment that this one repeats."},
    "createdAt": _TIME,
    "processedAt": _MAYBE_TIME,
}
PAYMENT: Final = _object(_PAYMENT_FIELDS)
_ATTEMPT: Final = _object(
    {
        "attemptID": {"type": "string"},
        "number": {"type": "integer"},
        "gateway": {"type": "string"},
        "status": {"type": "string", "enum": AttemptState.values},
        "level": {"type": "integer", "description": "Of the ladder, on which it was made."},
        "threeDSecure": {"type": "boolean", "description": "Whether the customer's bank was asked to confirm."},
        "gatewayReference": _MAYBE_TEXT,
        "declineCode": _MAYBE_TEXT,
        "sentAt": _TIME,
        "finishedAt": _MAYBE_TIME,
    }
)
_SURPLUS: Final = _object(
    {
        "surplusChargeID": {"type": "string"},
        "reason": {"type": "string", "enum": SurplusCharge.Reason.values},
        "status": {"type": "string", "enum": SurplusState.values},
        "gateway": {"type": "string"},
        "gatewayReference": {"type": "string"},
        "amount": {"type": "number", "description": "Exact, with the currency's decimals."},
        "amountMinor": {"type": "integer"},
        "currency": {"type": "string"},
        "foundAt": _TIME,
        "returnedAt": _MAYBE_TIME,
    }
)
PAYMENT_WITH_ATTEMPTS: Final = _object(
    {
        **_PAYMENT_FIELDS,
        "attempts": {"type": "array", "items": _ATTEMPT},
        "surplusCharges": {
            "type": "array",
            "items": _SURPLUS,
            "description": "Money that a gateway took without right; given back by itself.",
        },
    }
)
_COUNTS: Final = {"type": "object", "additionalProperties": {"type": "integer"}}
RECOVERY_RUN: Final = _object(
    {
        "runID": {"type": "integer"},
        "trigger": {"type": "string", "enum": RecoveryRun.Trigger.values},
        "startedAt": _TIME,
        "finishedAt": _MAYBE_TIME,
        "found": {**_COUNTS, "description": "What was unfinished, by kind."},
        "repaired": {**_COUNTS, "description": "What this run put right, by kind."},
    }
)
RECOVERY_STATE: Final = _object(
    {
        "unknown": {"type": "integer", "description": "Payments whose outcome is unknown now."},
        "oldestUnknown": {
            "anyOf": [
                _object({"paymentID": {"type": "string"}, "createdAt": _TIME, "nextLookAt": _MAYBE_TIME}),
                {"type": "null"},
            ]
        },
        "lastSweepAt": {**_MAYBE_TIME, "description": "Last run of the sweep over everything."},
        "lastBeatAt": {**_MAYBE_TIME, "description": "Last sign of life of a settle loop."},
        "lastRuns": {"type": "array", "items": RECOVERY_RUN, "description": "Asked for by this client, newest first."},
    }
)
KEY_RECORD: Final = _object(
    {
        "key": {"type": "string"},
        "paymentID": {"type": "string"},
        "status": {"type": "string", "enum": PaymentStatus.values},
        "requestHash": {"type": "string"},
        "createdAt": _TIME,
        "expiresAt": _TIME,
    }
)
KEY_STATE: Final = _object(
    {
        "idempotencyKey": {"type": "string"},
        "state": {"type": "string", "enum": ["free", "used", "same", "different"]},
        "paymentID": _MAYBE_TEXT,
        "expiresAt": _MAYBE_TIME,
    }
)
_AUDIT_ENTRY: Final = _object(
    {
        "id": {"type": "integer"},
        **{name: {"type": "string"} for name in ("paymentID", "entityID", "action", "status", "before")},
        **{name: {"type": "string"} for name in ("details", "actor", "cause")},
        "timestamp": _TIME,
    }
)


def _json(shape: dict[str, Any], words: str) -> dict[tuple[int, str], OpenApiResponse]:
    return {(200, "application/json"): OpenApiResponse(shape, words)}


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    words = {
        400: "The request is not valid; errors names each field.",
        401: "The API key is missing or not valid.",
        403: "The API key lacks the scope.",
        404: "Does not exist, or belongs to another client.",
        409: "The state of the order or payment does not allow it.",
        413: "The body is larger than 64 KiB.",
        415: "The body is not application/json in UTF-8.",
        422: "The idempotency key was used for another request.",
        503: "Requests cannot be stored just now; send the same one again.",
    }
    return {(status, "application/problem+json"): OpenApiResponse(PROBLEM, words[status]) for status in statuses}


_READS: Final = (401, 403, 404, 503)
_WRITES: Final = (400, 401, 403, 404, 409, 413, 415, 503)

PROCESS: Final[dict[str, Any]] = {
    "operation_id": "processPayment",
    "tags": ["payments"],
    "request": {"application/json": REQUEST},
    "parameters": [
        OpenApiParameter(
            "Idempotency-Key", str, "header", description="Instead of idempotencyKey in the body, or equal."
        ),
        OpenApiParameter(
            "Prefer", str, "header", description="wait=N: answer as soon as the outcome is known, N ≤ 20 s."
        ),
    ],
    "responses": {
        (202, "application/json"): OpenApiResponse(PAYMENT, "Accepted, durably: it will be settled whatever happens."),
        **problems(400, 401, 403, 409, 413, 415, 422, 503),
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
        **_json(_object({"data": {"type": "array", "items": PAYMENT}, "nextCursor": _MAYBE_TEXT}), "One page."),
        **problems(400, 401, 403, 503),
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "operation_id": "getPayment",
    "tags": ["payments"],
    "responses": {**_json(PAYMENT_WITH_ATTEMPTS, "The payment."), **problems(*_READS)},
}
STATUS: Final[dict[str, Any]] = {
    "operation_id": "getPaymentStatus",
    "tags": ["payments"],
    "parameters": [OpenApiParameter("wait", int, description="Seconds to wait for the outcome, at most 20.")],
    "responses": {**_json(STATUS_BODY, "The status."), **problems(400, *_READS)},
}
CANCEL: Final[dict[str, Any]] = {
    "operation_id": "cancelPayment",
    "tags": ["payments"],
    "request": None,
    "responses": {**_json(PAYMENT, "Canceled."), **problems(401, 403, 404, 409, 503)},
}
RECOVER: Final[dict[str, Any]] = {
    "operation_id": "runRecovery",
    "tags": ["recovery"],
    "request": None,
    "responses": {**_json(RECOVERY_RUN, "What was found and put right."), **problems(401, 403, 503)},
}
RECOVERY_STATUS: Final[dict[str, Any]] = {
    "operation_id": "getRecoveryStatus",
    "tags": ["recovery"],
    "responses": {**_json(RECOVERY_STATE, "What is unknown now, and the last runs."), **problems(401, 403, 503)},
}
VALIDATE_KEY: Final[dict[str, Any]] = {
    "operation_id": "validateKey",
    "tags": ["idempotency"],
    "request": {
        "application/json": {"anyOf": [_object({"idempotencyKey": _KEY}, additionalProperties=False), REQUEST]}
    },
    "responses": {**_json(KEY_STATE, "What the key names."), **problems(400, 401, 403, 413, 415, 503)},
}
KEY: Final[dict[str, Any]] = {
    "operation_id": "getKey",
    "tags": ["idempotency"],
    "responses": {**_json(KEY_RECORD, "The key's record."), **problems(*_READS)},
}
AUDIT: Final[dict[str, Any]] = {
    "operation_id": "listAuditEntries",
    "tags": ["audit"],
    "parameters": [OpenApiParameter("paymentID", str, required=True)],
    "responses": {
        **_json(_object({"data": {"type": "array", "items": _AUDIT_ENTRY}}), "Oldest first."),
        **problems(400, *_READS),
    },
}
