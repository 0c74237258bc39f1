"""What gateways are answered: short JSON, errors as problem+json (RFC 9457). A stranger learns nothing from them."""

import json
from typing import Final

from django.http import HttpResponse

# Seconds after which a gateway may send again what could not be stored.
RETRY_AFTER: Final = 5


def received() -> HttpResponse:
    """Answer an event that is stored durably."""
    return HttpResponse(b'{"received": true}', content_type="application/json")


def unknown_gateway() -> HttpResponse:
    return _problem(404, "not_found", "There is no such gateway.")


def post_only() -> HttpResponse:
    answer = _problem(405, "method_not_allowed", "Send events with POST.")
    answer["Allow"] = "POST"
    return answer


def too_large(limit: int) -> HttpResponse:
    return _problem(413, "body_too_large", f"At most {limit} bytes are read. Nothing was stored.")


def not_believed() -> HttpResponse:
    """Answer what nobody we know has signed; why, only our log and counter know."""
    return _problem(400, "not_verified", "The event is not signed as agreed. Nothing was stored.")


def not_stored() -> HttpResponse:
    """Answer while the database is away: without a stored row there is no 2xx (invariant 30)."""
    answer = _problem(503, "temporarily_unavailable", "The event cannot be stored just now. Send it again.")
    answer["Retry-After"] = str(RETRY_AFTER)
    return answer


def _problem(status: int, code: str, title: str) -> HttpResponse:
    body = {"type": f"urn:paysite:problem:{code}", "title": title, "status": status, "code": code}
    return HttpResponse(json.dumps(body), status=status, content_type="application/problem+json")
