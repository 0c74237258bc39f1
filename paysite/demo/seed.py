"""Fills a demo installation: people at the console, a shop, the shop's API key and its inbox for events.

Doing so again changes nothing.

The random values are made once per installation and kept in a file that only its owner can read: the database holds
hashes, from which neither password nor key could be printed again.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction

from payments.admin import roles
from payments.models import SCOPES, ApiKey, Client, WebhookEndpoint
from payments.models.client import digest_of
from paysite.demo.event_inbox.address import DEMO_SIGNING_SECRET

SHOP_SLUG: Final = "demo-shop"
OPERATOR: Final = "operator"
# For trying what takes two people (docs/approvals.md). They have the operator's password.
COLLEAGUES: Final = {"clerk": roles.OPERATOR, "supervisor": roles.SUPERVISOR}
INBOX: Final = "Demo shop's inbox"
_SECRETS_FILE: Final = "demo-secrets.json"


def seed() -> dict[str, Any]:
    """Make sure that the demo data is there; return `{"login": {"username", "password"}, "apiKey"}`."""
    file = settings.VAR_DIR / _SECRETS_FILE
    known = _secrets(file)
    if ApiKey.objects.filter(digest=digest_of(known["apiKey"]), revoked_at__isnull=False).exists():
        # Revoked in the console: what is printed must work, and a revoked key never works again.
        known["apiKey"] = _new_api_key()
    # Written down first: what only the database knew could never be printed again.
    _write(file, known)
    with transaction.atomic():
        _person(OPERATOR, known["password"], is_superuser=True)
        for name, role in COLLEAGUES.items():
            _person(name, known["password"]).groups.set(Group.objects.filter(name=role))
        shop = _shop(known["formSecret"])
        _api_key(shop, known["apiKey"])
        _inbox(shop)
    return {"login": {"username": OPERATOR, "password": known["password"]}, "apiKey": known["apiKey"]}


def _secrets(file: Path) -> dict[str, str]:
    made = {
        "password": secrets.token_urlsafe(12),
        "formSecret": secrets.token_hex(32),
        "apiKey": _new_api_key(),
    }
    return {**made, **json.loads(file.read_text())} if file.exists() else made


def _new_api_key() -> str:
    return f"psk_test_{secrets.token_urlsafe(24)}"


def _write(file: Path, known: dict[str, str]) -> None:
    """Replace `file` by one that only its owner can read, at no moment otherwise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        json.dump(known, output, indent=1)
    fresh.replace(file)


def _person(name: str, password: str, *, is_superuser: bool = False) -> User:
    user, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True, "is_superuser": is_superuser})
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def _shop(form_secret: str) -> Client:
    client, _ = Client.objects.get_or_create(
        slug=SHOP_SLUG,
        defaults={"name": "Demo shop", "support_email": "help@demo-shop.example", "form_secret": form_secret},
    )
    if settings.PUBLIC_URL not in client.return_origins:
        # The address changes with the port that the demo was started on.
        client.return_origins = [*client.return_origins, settings.PUBLIC_URL]
        client.save(update_fields=["return_origins"])
    return client


def _api_key(client: Client, key: str) -> None:
    row = ApiKey.objects.filter(digest=digest_of(key)).first()
    if row is None:
        ApiKey.issue(client=client, scopes=list(SCOPES), mode=ApiKey.Mode.TEST, label="Demo key", key=key)
    elif row.scopes != list(SCOPES):
        row.scopes = list(SCOPES)
        row.save(update_fields=["scopes"])


def _inbox(client: Client) -> None:
    """Make sure that the shop gets all its events; whatever was tried out with its inbox, the next run begins anew."""
    rows = WebhookEndpoint.objects.filter(client=client, description=INBOX, deleted_at__isnull=True)
    row = rows.order_by("created_at").first() or WebhookEndpoint(client=client, description=INBOX)
    # The port changes with that of the demo; the inbox knows only this secret.
    wanted: dict[str, Any] = {"url": f"{settings.DEMO_INBOX_URL}/events", "secret": DEMO_SIGNING_SECRET, "types": []}
    wanted |= {"is_enabled": True, "disabled_at": None, "disabled_why": "", "failing_since": None}
    if row._state.adding or any(getattr(row, name) != value for name, value in wanted.items()):
        for name, value in wanted.items():
            setattr(row, name, value)
        row.save()
