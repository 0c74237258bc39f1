"""How the API's readers see webhook endpoints: the rules of webhook_endpoint_input.py as OpenAPI 3.1."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from payments import events
from payments.api import schema
from payments.api import webhook_endpoint_input as rules
from payments.models import Delivery

_URL: Final = {
    "type": "string",
    "maxLength": rules.LONGEST_URL,
    "description": "An https address of a public host.",
    "examples": ["https://shop.example/webhooks"],
}
_TYPES: Final = {
    "type": "array",
    "items": {"type": "string", "enum": list(events.TYPES)},
    "uniqueItems": True,
    "description": "The events that are sent; all where empty.",
}
_DESCRIPTION: Final = {"type": "string", "maxLength": rules.LONGEST_DESCRIPTION}
_FIELDS: Final = {"url": _URL, "types": _TYPES, "description": _DESCRIPTION}
_ENDPOINT: Final[dict[str, Any]] = {
    "endpointID": {"type": "string"},
    **_FIELDS,
    "enabled": {"type": "boolean"},
    "failingSince": {**schema.MAYBE_TIME, "description": "Nothing was delivered since then."},
    "disabledAt": schema.MAYBE_TIME,
    "disabledWhy": {"type": "string"},
    "oldSecretUntil": {**schema.MAYBE_TIME, "description": "Until then the secret before signs, too."},
    "createdAt": schema.TIME,
}
ENDPOINT: Final = schema.shape(_ENDPOINT)
_SECRET: Final = {"type": "string", "pattern": "^whsec_", "description": "Shown in this answer only."}
WITH_SECRET: Final = schema.shape({**_ENDPOINT, "secret": _SECRET})
_TRY: Final = schema.shape(
    {
        "at": schema.TIME,
        "url": {"type": "string"},
        "requestHeaders": {"type": "object", "additionalProperties": {"type": "string"}},
        "httpStatus": {"type": ["integer", "null"]},
        "answer": {"type": "string", "description": "The beginning of what the endpoint answered."},
        "trouble": {"type": "string", "description": "Why there was no answer."},
        "milliseconds": {"type": "integer"},
    }
)
DELIVERY: Final = schema.shape(
    {
        "eventID": {"type": "string"},
        "type": {"type": "string", "enum": list(events.TYPES)},
        "paymentID": {"type": ["string", "null"]},
        "sequence": {"type": "integer"},
        "status": {"type": "string", "enum": Delivery.State.values},
        "note": {"type": "string", "description": "Why the last try did not deliver it."},
        "createdAt": schema.TIME,
        "nextTryAt": {**schema.MAYBE_TIME, "description": "At the earliest, while pending."},
        "deliveredAt": schema.MAYBE_TIME,
        "tries": {"type": "array", "items": _TRY, "description": "The last 20, newest first."},
    }
)
_CURSOR: Final = {"type": ["string", "null"]}
_NEW: Final = schema.shape(_FIELDS, ["url"], additionalProperties=False)
_CHANGE: Final = {
    "type": "object",
    "properties": {**_FIELDS, "enabled": {"type": "boolean"}},
    "additionalProperties": False,
    "minProperties": 1,
}
_HOURS: Final = {
    "type": "integer",
    "minimum": 0,
    "maximum": rules.MAX_OVERLAP_HOURS,
    "default": rules.DEFAULT_OVERLAP_HOURS,
    "description": "How long the old secret goes on signing.",
}
_ROTATE: Final = {"type": "object", "properties": {"overlapHours": _HOURS}, "additionalProperties": False}
_EVENT_IDS: Final = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": rules.MAX_EVENTS}
_ONLY_FAILED: Final = {
    "type": "boolean",
    "default": False,
    "description": "False: everything that happened from since on, of the endpoint's types, also what happened while "
    "it was disabled or did not exist. True: only what was on its way to it and failed; this leaves out what happened "
    "while it was disabled. After enabling an endpoint, send false.",
}
_BY_TIME: Final = {
    "since": {**schema.TIME, "description": "Events that happened at this time or later."},
    "until": {**schema.TIME, "description": "Events that happened before this time, and not at it."},
    "onlyFailed": _ONLY_FAILED,
}
_AGAIN: Final = {
    "oneOf": [
        schema.shape({"eventIDs": _EVENT_IDS}, additionalProperties=False),
        schema.shape(_BY_TIME, ["since"], additionalProperties=False),
    ]
}
_READS: Final = (401, 403, 404, 503)
_WRITES: Final = (400, 401, 403, 404, 413, 415, 503)
_TAG: Final = ["webhook endpoints"]


def _answer(status: int, body: dict[str, Any], words: str) -> dict[tuple[int, str], OpenApiResponse]:
    return {(status, "application/json"): OpenApiResponse(body, words)}


def _json(body: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": body}


def _operation(name: str, **more: Any) -> dict[str, Any]:
    return {"operation_id": name, "tags": _TAG, **more}


LIST: Final = _operation(
    "listWebhookEndpoints",
    responses={
        **schema.answers(schema.shape({"data": {"type": "array", "items": ENDPOINT}}), "All of them, oldest first."),
        **schema.problems(401, 403, 503),
    },
)
CREATE: Final = _operation(
    "createWebhookEndpoint",
    request=_json(_NEW),
    responses={
        **_answer(201, WITH_SECRET, "Made. Keep the secret: it is not shown again."),
        **schema.problems(400, 401, 403, 409, 413, 415, 503),
    },
)
RETRIEVE: Final = _operation(
    "getWebhookEndpoint", responses={**schema.answers(ENDPOINT, "The endpoint."), **schema.problems(*_READS)}
)
CHANGE: Final = _operation(
    "changeWebhookEndpoint",
    request=_json(_CHANGE),
    responses={**schema.answers(ENDPOINT, "As it is now."), **schema.problems(*_WRITES)},
)
DELETE: Final = _operation(
    "deleteWebhookEndpoint",
    request=None,
    responses={204: OpenApiResponse(description="Deleted: nothing more is sent to it."), **schema.problems(*_READS)},
)
ROTATE: Final = _operation(
    "rotateWebhookSecret",
    request=_json(_ROTATE),
    responses={
        **_answer(200, WITH_SECRET, "The new secret. Until oldSecretUntil both sign."),
        **schema.problems(*_WRITES),
    },
)
TEST: Final = _operation(
    "testWebhookEndpoint",
    request=None,
    responses={
        **_answer(202, DELIVERY, "The delivery of the test event; what became of it is in the deliveries."),
        **schema.problems(*_WRITES, 409),
    },
)
REDELIVER: Final = _operation(
    "redeliverEvents",
    request=_json(_AGAIN),
    responses={
        **_answer(202, schema.shape({"deliveries": {"type": "integer"}}), "How many are delivered once more."),
        **schema.problems(*_WRITES, 409),
    },
)
DELIVERIES: Final = _operation(
    "listDeliveries",
    parameters=[
        OpenApiParameter("limit", int, description="1 to 100."),
        OpenApiParameter("cursor", str, description="nextCursor of the page before."),
        OpenApiParameter("status", str, enum=Delivery.State.values),
    ],
    responses={
        **schema.answers(
            schema.shape({"data": {"type": "array", "items": DELIVERY}, "nextCursor": _CURSOR}), "Newest first."
        ),
        **schema.problems(400, *_READS),
    },
)
