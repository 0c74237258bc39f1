"""Says who sent a webhook: Standard Webhooks 1.0 signatures over the raw body (requirement E1).

The library compares the signatures. What it answers to malformed headers with other errors than its own is refused
here first, and so is what only costs time.
"""

import binascii
import re
import time
from collections.abc import Mapping
from typing import Final

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from payments.gateways.base import EventRefusedError

# Seconds between signing and reading, either way: the window of the specification's own libraries.
TOLERANCE: Final = 5 * 60
_NAMES: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
# Characters. While a secret is changed an event has two signatures of 47 characters; this is room for 40.
_LONGEST_HEADER: Final = 2000
# The identifier is signed together with others, separated by full stops: none may be in it (Standard Webhooks 1.0).
_ID: Final = re.compile(r"[!-\-/-~]{1,255}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
# HMAC-SHA256 in base64. Signatures of other kinds and versions are passed over, as the specification asks.
_SIGNATURE: Final = re.compile(r"v1,[A-Za-z0-9+/]{43}=")


class Signatures:
    """Checks signatures by one secret, or by several separated by spaces while it is being changed."""

    def __init__(self, secrets: str) -> None:
        self._webhooks = [webhook for secret in secrets.split() if (webhook := _webhook(secret))]

    def verified_id(self, headers: Mapping[str, str], body: bytes) -> str:
        """Return the event's id, which is signed too; raise EventRefusedError for everything else."""
        if not self._webhooks:
            raise EventRefusedError("not_configured")
        given = {name.lower(): value for name, value in headers.items() if name.lower() in _NAMES}
        if not all(given.get(name) for name in _NAMES):
            raise EventRefusedError("missing_header")
        if any(len(value) > _LONGEST_HEADER for value in given.values()):
            raise EventRefusedError("header_too_long")
        if not _ID.fullmatch(given["webhook-id"]):
            raise EventRefusedError("bad_event_id")
        _check_time(given["webhook-timestamp"])
        self._check_signature(given, body)
        return given["webhook-id"]

    def _check_signature(self, given: dict[str, str], body: bytes) -> None:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise EventRefusedError("bad_body") from None
        well_formed = [each for each in given["webhook-signature"].split(" ") if _SIGNATURE.fullmatch(each)]
        headers = {**given, "webhook-signature": " ".join(well_formed)}
        if not any(_matches(webhook, text, headers) for webhook in self._webhooks):
            raise EventRefusedError("bad_signature")


def _webhook(secret: str) -> Webhook | None:
    """Return what checks by `secret`; None for one that no signature can be made with."""
    try:
        return Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        return None


def _check_time(text: str) -> None:
    if not _SECONDS.fullmatch(text):
        raise EventRefusedError("bad_timestamp")
    age = time.time() - int(text)
    if age > TOLERANCE:
        raise EventRefusedError("too_old")
    if age < -TOLERANCE:
        raise EventRefusedError("too_new")


def _matches(webhook: Webhook, text: str, headers: dict[str, str]) -> bool:
    try:
        webhook.verify(text, headers, json_parse=False)
    except (WebhookVerificationError, ValueError, binascii.Error):
        return False
    return True
