"""Shops' endpoints for events: made, changed, tested, switched on and off (requirements D3, G7).

The secret is shown to its owner and never logged. What was still on its way to an endpoint that is switched off becomes
failed (payments/services/delivery_parts.py), and can be asked for again (payments/services/redeliver.py).
"""

import base64
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from payments import events
from payments.audit import Because
from payments.clock import database_now
from payments.models import Client, Delivery, WebhookEndpoint
from payments.services import delivery_parts, endpoint_urls

logger = logging.getLogger(__name__)

MOST: Final = 20
LONGEST_OVERLAP: Final = timedelta(days=7)
_SECRET_BYTES: Final = 32


class BadUrlError(ValueError):
    """Events cannot go to this address; `reason` says why, as "must …"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadTypesError(ValueError):
    """`unknown` are no event types, or one is named twice."""

    def __init__(self, unknown: Sequence[str]) -> None:
        super().__init__(f"unknown or named twice: {', '.join(unknown)}")
        self.unknown = list(unknown)


class BadOverlapError(ValueError):
    """The old secret may go on signing for nought to seven days."""


class TooManyEndpointsError(RuntimeError):
    """A client has at most 20 endpoints."""


class DisabledEndpointError(RuntimeError):
    """The endpoint is switched off or deleted, and gets nothing."""


def create(client_id: int, url: str, types: Sequence[str], description: str, because: Because) -> WebhookEndpoint:
    """Make an endpoint that gets all later events of the client: those of `types`, all where empty.

    `description` has at most 100 characters. Raises BadUrlError, BadTypesError, TooManyEndpointsError.
    """
    _check(url, types)
    with transaction.atomic():
        # Under the client's lock, so that two requests at once cannot both be the twentieth.
        Client.objects.select_for_update(no_key=True).get(pk=client_id)
        if WebhookEndpoint.objects.filter(client_id=client_id, deleted_at__isnull=True).count() >= MOST:
            raise TooManyEndpointsError
        endpoint = WebhookEndpoint.objects.create(
            client_id=client_id, url=url, types=list(types), description=description, secret=_new_secret()
        )
    _log("made", endpoint, because)
    return endpoint


def change(
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    types: Sequence[str] | None = None,
    description: str | None = None,
    because: Because,
) -> WebhookEndpoint:
    """Change what is given, and return the endpoint as it is now. Raises BadUrlError, BadTypesError, and
    DisabledEndpointError where it is deleted.

    What is on its way already goes to the new address, too; chosen types count for later events.
    """
    _check(url if url != endpoint.url else None, types or ())
    given = {"url": url, "types": None if types is None else list(types), "description": description}
    wanted: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if url is not None and url != endpoint.url:
        # Another address may well answer.
        wanted["failing_since"] = None
    return _changed(endpoint, "changed", because, **wanted)


def rotate(endpoint: WebhookEndpoint, overlap: timedelta, because: Because) -> WebhookEndpoint:
    """Give the endpoint a new secret and return it; the old one signs beside the new for `overlap`, 0 to 7 days.

    Raises BadOverlapError, and DisabledEndpointError where it is deleted.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadOverlapError(str(overlap))
    with transaction.atomic():
        row = _living(endpoint.pk)
        old, until = (row.secret, database_now() + overlap) if overlap else ("", None)
        row.secret, row.old_secret, row.old_secret_until = _new_secret(), old, until
        row.save(update_fields=["secret", "old_secret", "old_secret_until"])
    _log("given a new secret", row, because)
    return row


def enable(endpoint: WebhookEndpoint, because: Because) -> WebhookEndpoint:
    """Switch the endpoint on, for events from now on; those it missed are asked for by `redeliver`.

    Of a long queue, what has not become failed yet is sent. Raises DisabledEndpointError where it is deleted.
    """
    return _changed(
        endpoint, "enabled", because, is_enabled=True, disabled_at=None, disabled_why="", failing_since=None
    )


def disable(endpoint: WebhookEndpoint, why: str, because: Because) -> WebhookEndpoint:
    """Switch the endpoint off; what is on its way to it becomes failed. Nobody is told: a person decided it."""
    with transaction.atomic():
        row = locked(endpoint.pk)
        if row.is_enabled:
            switch_off(row, why, database_now())
    _log("disabled", row, because)
    return row


def delete(endpoint: WebhookEndpoint, because: Because) -> None:
    """Delete the endpoint: nobody sees it any more, and nothing goes to it. Its log is kept as long as its events."""
    with transaction.atomic():
        row = locked(endpoint.pk)
        now = database_now()
        switch_off(row, "deleted", now)
        row.deleted_at = now
        # Nobody can use them any more, and what is not there cannot leak.
        row.secret = row.old_secret = ""
        row.save(update_fields=["deleted_at", "secret", "old_secret"])
    _log("deleted", row, because)


def test(endpoint: WebhookEndpoint, because: Because) -> Delivery:
    """Send an event of type endpoint.test to this endpoint alone, whatever types it chose; return its delivery.

    Raises DisabledEndpointError.
    """
    with transaction.atomic():
        row = locked(endpoint.pk)
        require_enabled(row)
        event = events.test_of_endpoint(row.client_id, row.pk, database_now())
        event.save(force_insert=True)
        # Made here and not when the event is published: it concerns no other endpoint.
        delivery = Delivery.objects.create(event=event, endpoint=row)
    _log("tested", row, because)
    return delivery


def locked(endpoint_id: str) -> WebhookEndpoint:
    """Return the endpoint under its lock; it is taken before those of deliveries, everywhere."""
    return WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)


def _living(endpoint_id: str) -> WebhookEndpoint:
    row = locked(endpoint_id)
    if row.deleted_at is not None:
        raise DisabledEndpointError
    return row


def require_enabled(endpoint: WebhookEndpoint) -> None:
    """Raise DisabledEndpointError unless events may go to `endpoint`."""
    if not endpoint.is_enabled or endpoint.deleted_at is not None:
        raise DisabledEndpointError


def switch_off(endpoint: WebhookEndpoint, why: str, now: datetime) -> None:
    """Disable the locked `endpoint`: what is on its way to it becomes failed, with `why` as its note.

    Nothing of it is claimed from this moment on; a long queue becomes failed in parts.
    """
    endpoint.is_enabled, endpoint.disabled_at, endpoint.disabled_why = False, now, why[:200]
    endpoint.failing_since = None
    endpoint.save(update_fields=["is_enabled", "disabled_at", "disabled_why", "failing_since"])
    delivery_parts.fail_pending(endpoint)


def _changed(endpoint: WebhookEndpoint, what: str, because: Because, **values: Any) -> WebhookEndpoint:
    with transaction.atomic():
        row = _living(endpoint.pk)
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))
    _log(what, row, because)
    return row


def _check(url: str | None, types: Sequence[str]) -> None:
    reason = "" if url is None else endpoint_urls.problem_with(url)
    if reason:
        raise BadUrlError(reason)
    bad = [name for number, name in enumerate(types) if name not in events.TYPES or name in types[:number]]
    if bad:
        raise BadTypesError(bad)


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _log(what: str, endpoint: WebhookEndpoint, because: Because) -> None:
    logger.info("endpoint %s %s by %s (%s)", endpoint.pk, what, because.actor, because.cause)
