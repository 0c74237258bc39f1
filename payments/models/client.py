"""The shops and programs that use this installation (requirement G8) and the keys by which they are known."""

import hashlib
import secrets
from typing import Final, Self

from django.db import models
from django.db.models.functions import Now

SCOPES: Final = (
    "payments:read",
    "payments:write",
    "audit:read",
    "checkout:write",
    "recovery:run",
    "metrics:read",
    "refunds:read",
    "refunds:write",
    "events:read",
    "events:write",
)


class Client(models.Model):
    """One shop. Everything it creates is its own; no other client sees that it exists."""

    slug = models.SlugField(unique=True, help_text="Short name, used in signed checkout forms.")
    name = models.CharField(max_length=100, help_text="What customers read on the checkout page.")
    support_email = models.EmailField(blank=True, help_text="Where the checkout page sends customers with questions.")
    technical_email = models.EmailField(blank=True, help_text="Who is told when the shop's endpoint is switched off.")
    form_secret = models.CharField(max_length=64, help_text="Signs the shop's checkout forms (HMAC-SHA256).")
    return_origins = models.JSONField(
        default=list, blank=True, help_text='Origins to which customers may be sent back: ["https://shop.example"].'
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A bearer key. Only its SHA-256 digest is kept: the key itself is shown once, when it is made."""

    class Mode(models.TextChoices):
        TEST = "test", "Test"
        LIVE = "live", "Live"

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="api_keys")
    label = models.CharField(max_length=100, blank=True)
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.TEST)
    hint = models.CharField(max_length=24, editable=False, help_text="The first characters, to tell keys apart.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.hint}…"

    @classmethod
    def issue(cls, *, client: Client, scopes: list[str], mode: str, label: str, key: str = "") -> tuple[Self, str]:
        """Make a key and return it with its row; it can never be read again. `key` is given only by demo data."""
        key = key or f"psk_{mode}_{secrets.token_urlsafe(24)}"
        row = cls.objects.create(
            client=client, label=label, mode=mode, hint=key[:13], digest=digest_of(key), scopes=scopes
        )
        return row, key


def digest_of(key: str) -> str:
    """Return what is stored of an API key. Keys have 192 random bits, so a plain hash suffices: no guessing."""
    return hashlib.sha256(key.encode()).hexdigest()
