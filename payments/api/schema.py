"""How the API's readers see payments, keys and problems: the rules of validation.py as OpenAPI 3.1."""

from typing import Any, Final

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse

from payments.api import validation
from payments.models import SurplusCharge
from payments.reliability.refundable import Standing
from payments.states import AttemptState, PaymentStatus, SurplusState

TIME: Final = {"type": "string", "format": "date-time"}
MAYBE_TIME: Final = {"type": ["string", "null"], "format": "date-time"}
MAYBE_TEXT: Final = {"type": ["string", "null"]}
_KEY: Final = {
    "type": "string",
    "pattern": "^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{3,254}$",
    "examples": ["order_123_payment"],
}
_REFERENCE: Final = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}$"}


def shape(properties: dict[str, Any], required: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or list(properties), **more}


PROBLEM: Final = shape(
    {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "retryable": {"type": "boolean"},
        "moneyMoved": {"type": ["boolean", "null"], "description": "By this request; null where we cannot say."},
        "timestamp": TIME,
        "paymentID": {"type": "string"},
        "errors": {
            "type": "array",
            "items": shape({"field": {"type": "string"}, "message": {"type": "string"}}),
        },
    },
    ["type", "title", "status", "detail", "code", "retryable", "moneyMoved", "timestamp"],
)
REQUEST: Final = shape(
    {
        "idempotencyKey": _KEY,
        "amount": {
            "type": "number",
            "description": "A plain decimal with at most the currency's decimals.",
            "exclusiveMinimum": 0,
            "examples": [100.00],
        },
        "currency": {"type": "string", "enum": sorted(settings.CURRENCY_LIMITS)},
        "paymentMethod": shape(
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
    "nextTryAt": {**MAYBE_TIME, "description": "When it is tried again by itself, while retrying."},
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
            "timestamp": MAYBE_TIME,
        },
    },
    "updatedAt": TIME,
}
STATUS_BODY: Final = shape(_STATUS_FIELDS)
_PAYMENT_FIELDS: Final = {
    **_STATUS_FIELDS,
    "idempotencyKey": {"type": "string"},
    "amount": {"type": "number", "description": "Exact, with the currency's decimals."},
    "amountMinor": {"type": "integer"},
    "currency": {"type": "string"},
    "refundedAmount": {"type": "number", "description": "What was given back for certain; exact."},
    "refundedAmountMinor": {"type": "integer"},
    "refundableAmount": {"type": "number", "description": "What a refund may ask for now; exact."},
    "refundableAmountMinor": {"type": "integer"},
    "refundStanding": {"type": "string", "enum": [standing.value for standing in Standing]},
    "disputedAmount": {"type": "number", "description": "What open disputes hold; nothing is refunded meanwhile."},
    "disputedAmountMinor": {"type": "integer"},
    "chargedBackAmount": {"type": "number", "description": "What went back by lost disputes; exact."},
    "chargedBackAmountMinor": {"type": "integer"},
    "orderID": {"type": "string"},
    "paymentMethod": shape({"type": {"type": "string"}}),
    "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    "retryCount": {"type": "integer"},
    "maxRetries": {"type": "integer"},
    "version": {"type": "integer", "description": "1, and one more with each retry of a payment that had ended."},
    "retryOf": {**MAYBE_TEXT, "description": "The payment that this one repeats."},
    "createdAt": TIME,
    "processedAt": MAYBE_TIME,
}
PAYMENT: Final = shape(_PAYMENT_FIELDS)
_ATTEMPT: Final = shape(
    {
        "attemptID": {"type": "string"},
        "number": {"type": "integer"},
        "gateway": {"type": "string"},
        "status": {"type": "string", "enum": AttemptState.values},
        "level": {"type": "integer", "description": "Of the ladder, on which it was made."},
        "threeDSecure": {"type": "boolean", "description": "Whether the customer's bank was asked to confirm."},
        "gatewayReference": MAYBE_TEXT,
        "declineCode": MAYBE_TEXT,
        "sentAt": TIME,
        "finishedAt": MAYBE_TIME,
    }
)
SURPLUS: Final = shape(
    {
        "surplusChargeID": {"type": "string"},
        "reason": {"type": "string", "enum": SurplusCharge.Reason.values},
        "status": {"type": "string", "enum": SurplusState.values},
        "taken": {
            "type": "boolean",
            "description": "False for one that only waited for the customer and took nothing.",
        },
        "gateway": {"type": "string"},
        "gatewayReference": {"type": "string"},
        "amount": {"type": "number", "description": "Exact, with the currency's decimals."},
        "amountMinor": {"type": "integer"},
        "currency": {"type": "string"},
        "foundAt": TIME,
        "returnedAt": MAYBE_TIME,
    }
)
PAYMENT_WITH_ATTEMPTS: Final = shape(
    {
        **_PAYMENT_FIELDS,
        "attempts": {"type": "array", "items": _ATTEMPT},
        "surplusCharges": {
            "type": "array",
            "items": SURPLUS,
            "description": "Money that a gateway took without right; given back by itself.",
        },
    }
)
KEY_RECORD: Final = shape(
    {
        "key": {"type": "string"},
        "paymentID": {"type": "string"},
        "status": {"type": "string", "enum": PaymentStatus.values},
        "requestHash": {"type": "string"},
        "createdAt": TIME,
        "expiresAt": TIME,
    }
)
KEY_STATE: Final = shape(
    {
        "idempotencyKey": {"type": "string"},
        "state": {"type": "string", "enum": ["free", "used", "same", "different"]},
        "paymentID": MAYBE_TEXT,
        "expiresAt": MAYBE_TIME,
    }
)


def answers(body: dict[str, Any], words: str) -> dict[tuple[int, str], OpenApiResponse]:
    return {(200, "application/json"): OpenApiResponse(body, words)}


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
