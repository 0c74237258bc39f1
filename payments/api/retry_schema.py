"""How the API's readers see the retry of a payment."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiResponse

from payments.api import schema

_BODY: Final = {
    "type": "object",
    "properties": {"paymentMethod": schema.REQUEST["properties"]["paymentMethod"]},
    "additionalProperties": False,
}
RETRY: Final[dict[str, Any]] = {
    "operation_id": "retryPayment",
    "tags": ["payments"],
    "request": {"application/json": _BODY},
    "responses": {
        (202, "application/json"): OpenApiResponse(
            schema.PAYMENT,
            "The payment that goes on: the same one while it is being tried, else its new version (retryOf).",
        ),
        **schema.problems(400, 401, 403, 404, 409, 413, 415, 503),
    },
}
