"""`POST /webhooks/{gateway}`: checks who signed an event, stores it, and says so (requirement E1, docs/webhooks-in.md).

One statement reaches the database. What the event leads to is the work of payments/services/gateway_events.
"""

import logging
from typing import Final

from django.db import Error, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from payments.crash_points import reach
from payments.gateways.base import EventNotice, EventRefusedError, Gateway
from payments.reliability.gateways import gateway_named
from payments.services.gateway_events.store import count_refusal, store
from payments.webhooks import answers

logger = logging.getLogger("paysite.security")

# Bytes. The sandbox's events have about one thousand; other gateways document up to 256 kB.
BODY_LIMIT: Final = 256 * 1024
_LONGEST_ID: Final = 255


@csrf_exempt
def receive(request: HttpRequest, gateway: str) -> HttpResponse:
    """Take one delivery of one event. 2xx only after its row is committed."""
    try:
        adapter = gateway_named(gateway)
    except LookupError:
        return answers.unknown_gateway()
    if request.method != "POST":
        return answers.post_only()
    if _length(request) > BODY_LIMIT:
        _refused(request, gateway, "body_too_large")
        return answers.too_large(BODY_LIMIT)
    try:
        notice = _verified(adapter, request)
    except EventRefusedError as error:
        _refused(request, gateway, error.code)
        return answers.not_believed()
    try:
        store(gateway, notice, request.body, adapter.capabilities.event_version)
    except (OperationalError, InterfaceError):
        logging.getLogger(__name__).exception("an event of %s could not be stored", gateway)
        return answers.not_stored()
    if __debug__:
        reach("event.stored")
    return answers.received()


def _length(request: HttpRequest) -> int:
    """Return the declared length; Django reads no byte beyond it."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else BODY_LIMIT + 1


def _verified(adapter: Gateway, request: HttpRequest) -> EventNotice:
    """Return what the signed event says; raise EventRefusedError."""
    notice = adapter.read_event(request.headers, request.body)
    if not 0 < len(notice.event_id) <= _LONGEST_ID or not notice.event_id.isprintable():
        raise EventRefusedError("bad_event_id")
    return notice


def _refused(request: HttpRequest, gateway: str, reason: str) -> None:
    """Count it and say so in the security log: that is all that is kept of it (invariant 29)."""
    sender = request.META.get("REMOTE_ADDR", "")
    logger.warning("an event for gateway %s from %s was refused: %s", gateway, sender, reason)
    try:
        count_refusal(gateway, reason)
    except Error:  # the log has it; a stranger's request is not worth another answer
        logger.warning("the refusal could not be counted", exc_info=True)
