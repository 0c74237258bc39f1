"""Whether Paysite sent it: how any shop checks an event by the Standard Webhooks library."""

from collections.abc import Mapping

from standardwebhooks import Webhook, WebhookVerificationError


def is_right(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Say whether `body` was signed with `secret` in the last five minutes."""
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    # Malformed base64, a signature without a comma, and a body that is no UTF-8 are ValueErrors to the library.
    except (WebhookVerificationError, ValueError, TypeError):
        return False
    return True
