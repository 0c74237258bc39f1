"""How the API's readers see events: the calls that list them, and what each one carries when it is delivered."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from payments import events
from payments.api import schema

_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_CHECKOUT: Final = schema.shape(
    {
        "orderID": {"type": "string"},
        "status": {"type": "string", "enum": ["open", "completed", "expired"]},
        "paymentID": _MAYBE_TEXT,
        "amount": {"type": "number", "description": "Exact, with the currency's decimals."},
        "amountMinor": {"type": "integer"},
        "currency": {"type": "string"},
        "createdAt": schema.TIME,
        "expiresAt": schema.TIME,
    }
)
_WITH_SURPLUS: Final = schema.shape({**schema.PAYMENT["properties"], "surplusCharge": schema.SURPLUS})
_TEST: Final = schema.shape({"endpointID": {"type": "string"}})
# The first part of a type → the name of what its events carry as data, and its shape.
Shapes = Mapping[str, tuple[str, dict[str, Any]]]
_DATA: Final[Shapes] = {
    "payment": ("Payment", schema.PAYMENT),
    "surplus": ("PaymentWithSurplusCharge", _WITH_SURPLUS),
    "checkout": ("Checkout", _CHECKOUT),
    "endpoint": ("EndpointTest", _TEST),
}
# Of a type that names no shape of its own: a payment, with more.
_OTHER: Final = ("Payment", schema.PAYMENT)


def envelope(type_: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of an event. type_, data: the schemas of those two fields."""
    return schema.shape(
        {
            "id": {"type": "string", "description": "Of the occurrence; the same in every delivery (webhook-id)."},
            "type": type_,
            "timestamp": {**schema.TIME, "description": "When it happened, in UTC."},
            "sequence": {"type": "integer", "description": "Counts the events of one payment from 1, else 0."},
            "data": data,
        }
    )


def any_event() -> dict[str, Any]:
    """Return the shape of an event of any type."""
    return envelope({"type": "string", "enum": list(events.TYPES)}, {"type": "object"})


def add_webhooks(result: dict[str, Any], more: Shapes) -> dict[str, Any]:
    """Add what endpoints are sent, one webhook per event type, to an OpenAPI document, and return it.

    more: the shapes of what apps above this one tell.
    """
    shapes = {**_DATA, **more}
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    for name, shape in [*shapes.values(), _OTHER]:
        schemas[name] = shape
    result["webhooks"] = {
        type_: {"post": _webhook(type_, words, shapes.get(type_.partition(".")[0], _OTHER)[0])}
        for type_, words in events.TYPES.items()
    }
    return result


def _webhook(type_: str, words: str, name: str) -> dict[str, Any]:
    body = envelope({"const": type_}, {"$ref": f"#/components/schemas/{name}"})
    return {
        "operationId": f"on_{type_.replace('.', '_')}",
        "tags": ["events"],
        "summary": words,
        "parameters": [_header(*header) for header in _HEADERS],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "2XX": {"description": "Taken. Anything else, and no answer in time, is tried again."},
            "410": {"description": "Send nothing more: the endpoint is disabled."},
        },
        "security": [],
    }


_HEADERS: Final = (
    ("webhook-id", "The event's id."),
    ("webhook-timestamp", "When this try was made, in seconds since 1970; refuse what is minutes old."),
    ("webhook-signature", "Standard Webhooks 1.0: `v1,` and HMAC-SHA256 in base64, two while a secret is changed."),
)


def _header(name: str, words: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "required": True, "schema": {"type": "string"}, "description": words}


LIST: Final[dict[str, Any]] = {
    "operation_id": "listEvents",
    "tags": ["events"],
    "parameters": [
        OpenApiParameter(
            "after", str, description="Where to read on: nextCursor, or the id of an event. `start`, or none: all."
        ),
        OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 25}),
        OpenApiParameter("type", str, enum=list(events.TYPES)),
        OpenApiParameter("paymentID", str),
    ],
    "responses": {
        **schema.answers(
            schema.shape(
                {
                    "data": {"type": "array", "items": any_event()},
                    "nextCursor": {"type": "string", "description": "Always there: ask again with it as `after`."},
                    "hasMore": {"type": "boolean", "description": "Whether to ask again at once."},
                }
            ),
            "Oldest first, in the order in which they were published; bodies exactly as they are delivered.",
        ),
        **schema.problems(400, 401, 403, 503),
    },
}
RETRIEVE: Final[dict[str, Any]] = {
    "operation_id": "getEvent",
    "tags": ["events"],
    "responses": {**schema.answers(any_event(), "Exactly as it is delivered."), **schema.problems(401, 403, 404, 503)},
}
TYPES: Final[dict[str, Any]] = {
    "operation_id": "listEventTypes",
    "tags": ["events"],
    "responses": {
        **schema.answers(
            schema.shape(
                {
                    "data": {
                        "type": "array",
                        "items": schema.shape({"type": {"type": "string"}, "meaning": {"type": "string"}}),
                    }
                }
            ),
            "Every event type.",
        ),
        **schema.problems(401, 503),
    },
}
