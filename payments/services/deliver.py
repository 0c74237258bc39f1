"""Sends one event to one endpoint, signed as Standard Webhooks 1.0 says; in a thread, and never uses the database."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from standardwebhooks import Webhook

from payments.gateways.addresses import NOT_PUBLIC
from payments.gateways.errors import Failure
from payments.gateways.http import Reply
from payments.gateways.public_http import post
from payments.gateways.text import sanitised
from payments.models.event import LONGEST_ANSWER
from payments.services.delivery_schedule import retry_after

logger = logging.getLogger(__name__)

# Seconds: for the whole call, and between the claim and the call; a worker paused for longer sends nothing.
DEADLINE: Final = 15.0
SEND_WITHIN: Final = 10.0
_USER_AGENT: Final = "Paysite-Webhooks/1"
# What is read of an answer's text, before it is cut to what is kept.
_READ: Final = 4 * LONGEST_ANSWER

# Failure reason → what the delivery log says. The others speak for themselves.
_TROUBLE: Final = {
    "dns": "The host name does not resolve.",
    "refused": "The connection was refused.",
    "connect_timeout": "No connection within 5 seconds.",
    "deadline": "No whole answer within 15 seconds.",
    "read_timeout": "No whole answer within 15 seconds.",
    "closed": "The connection was closed without an answer.",
    "cut_body": "The answer was cut off.",
    "reset": "The connection was reset.",
    "garbage_reply": "The answer is not HTTP.",
    "unusable": "The address cannot be called.",
}


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed delivery. prepared_at: monotonic time before its claim; asked_at: the database's time of it."""

    delivery_id: int
    fence: int
    endpoint_id: str
    url: str
    event_id: str
    body: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    prepared_at: float
    asked_at: datetime
    allow_loopback: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a delivery. sent: False where nothing left, as the worker was paused. trouble: why no answer."""

    work: Work
    sent: bool = True
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    trouble: str = ""
    milliseconds: int = 0
    rest: timedelta = timedelta()

    @property
    def delivered(self) -> bool:
        """Say whether the endpoint took the event: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def note(self) -> str:
        """Return why it was not delivered, in a sentence."""
        if self.status is None:
            return self.trouble
        more = ", redirects are not followed" if 300 <= self.status < 400 else ""
        return f"The endpoint answered {self.status}{more}."


def deliver(work: Work) -> Answered:
    """Send the event of `work` and return what came of it. Never raises: what cannot be sent is a try that failed."""
    if time.monotonic() - work.prepared_at > SEND_WITHIN:
        return Answered(work, sent=False)
    try:
        return _sent(work)
    # The boundary: unless it is written down, the event would be claimed again and again, and nobody told.
    except Exception:
        logger.exception("delivery %d could not be sent", work.delivery_id)
        return Answered(work, trouble="The event could not be sent, for a reason of ours.")


def _sent(work: Work) -> Answered:
    body = work.body.encode()
    headers = _headers(work, datetime.now(UTC))
    begun = time.monotonic()
    reply = post(work.url, body, headers, within=DEADLINE, allow_loopback=work.allow_loopback)
    milliseconds = round((time.monotonic() - begun) * 1000)
    if isinstance(reply, Failure):
        return Answered(work, headers=headers, trouble=_trouble(reply), milliseconds=milliseconds)
    return Answered(
        work,
        status=reply.status,
        headers=headers,
        answer=_text(reply),
        milliseconds=milliseconds,
        rest=retry_after(reply.status, reply.headers, datetime.now(UTC)),
    )


def _headers(work: Work, now: datetime) -> dict[str, str]:
    signatures = [Webhook(secret).sign(work.event_id, now, work.body) for secret in work.secrets]
    return {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "User-Agent": _USER_AGENT,
        "webhook-id": work.event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _text(reply: Reply) -> str:
    return sanitised(reply.body[:_READ].decode(errors="replace"), LONGEST_ANSWER)


def _trouble(failure: Failure) -> str:
    if NOT_PUBLIC in failure.message:
        return NOT_PUBLIC
    return _TROUBLE.get(failure.reason, f"{failure.reason}: {failure.message}")[:200]
