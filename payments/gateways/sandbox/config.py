"""How one sandbox gateway is set up; the command line in cli.py fills it in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

DEMO_BEARER: Final = "sk_sandbox_demo"
DEMO_SHOPS: Final = ("http://127.0.0.1:8000",)
# Seconds. Banks end a challenge after some 10 minutes of silence, and gateways the payment soon after.
CHALLENGE_LIFE: Final = 15 * 60
REFUND_DAYS: Final = 180


@dataclass(frozen=True, slots=True)
class Config:
    """shop_origins may embed the card field and be returned to. latency in milliseconds, the other times in seconds.

    vault: file of the tokens, which other gateways may share; the database itself without one.
    webhook_url: who gets its events, signed with webhook_secret; nobody where it is empty.
    port 0 takes a free one; the ready line on standard output says which.
    """

    port: int
    database: Path
    name: str = "primary"
    secret: str = DEMO_BEARER
    shop_origins: tuple[str, ...] = DEMO_SHOPS
    latency_ms: float = 0
    key_life: float = 24 * 60 * 60
    slow: float = 7
    challenge_life: float = CHALLENGE_LIFE
    vault: Path | None = None
    webhook_url: str = ""
    webhook_secret: str = ""

    def allows(self, url: str) -> bool:
        """Say whether a customer may be sent to `url`: plain, and at exactly one of the shop's origins."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or len(url) > 2000:
            return False
        parts = urlsplit(url)
        return "@" not in parts.netloc and f"{parts.scheme}://{parts.netloc}" in self.shop_origins
