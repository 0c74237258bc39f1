"""Sends an SMS by Twilio's Messages resource (https://www.twilio.com/docs/messaging/api/message-resource).

It knows no idempotency key: what was sent and never answered may have gone out (docs/customer-messages.md says how
often such a message is tried again).
"""

import base64
import time
from typing import Final
from urllib.parse import urlencode

import orjson

from payments.gateways.base import Kind
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient, Reply
from payments.gateways.text import sanitised
from payments.services.messages_way import Result

# Seconds for one call in all.
DEADLINE: Final = 15.0
_CREATED: Final = (200, 201)
# Not about this one message: our credentials, or too many at once.
_OURS: Final = (401, 403, 408, 429)
_SERVER_ERROR: Final = 500


class Twilio:
    """One account. Shared by threads."""

    def __init__(self, url: str, account: str, token: str, sender: str) -> None:
        proof = base64.b64encode(f"{account}:{token}".encode()).decode()
        headers = {"Authorization": f"Basic {proof}", "Content-Type": "application/x-www-form-urlencoded"}
        self._http = HttpClient(url, headers=headers, connect_timeout=5, read_timeout=10, pool_size=8)
        self._path = f"/2010-04-01/Accounts/{account}/Messages.json"
        self._sender = sender

    def send(self, to: str, text: str) -> Result:
        body = urlencode({"To": to, "From": self._sender, "Body": text}).encode()
        reply = self._http.call("POST", self._path, ends_at=time.monotonic() + DEADLINE, body=body)
        if isinstance(reply, Failure):
            was_sent = reply.kind is not Kind.NOT_SENT
            return Result(f"{reply.reason}: {reply.message}", is_down=True, is_lost=was_sent)
        if reply.status in _CREATED:
            return Result()
        trouble = f"HTTP {reply.status}: {_error_of(reply)}"
        if reply.status >= _SERVER_ERROR:
            # It may have taken the message before it failed.
            return Result(trouble, is_down=True, is_lost=True)
        return Result(trouble, is_down=reply.status in _OURS, is_final=reply.status not in _OURS)


def _error_of(reply: Reply) -> str:
    """Return Twilio's error number and its words."""
    try:
        said = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return "no JSON"
    if not isinstance(said, dict):
        return "no JSON object"
    return sanitised(f"{said.get('code', '')} {said.get('message', '')}")
