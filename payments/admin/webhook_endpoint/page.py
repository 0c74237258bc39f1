"""What the pages of webhook endpoints show: their state, and what became of the last day's events."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from django.urls import reverse

from payments.admin import labels
from payments.admin.formats import ago, utc
from payments.admin.webhook_endpoint.acts import ACTS, Act
from payments.clock import database_now
from payments.ids import floor_id
from payments.models import Delivery, WebhookEndpoint

# Deliveries of the last day that are counted, the newest, for all endpoints together.
MOST: Final = 10_000
_SHOWN: Final = 20
DAY: Final = timedelta(days=1)

STATES: Final = {"enabled": "success", "failing": "warning", "disabled": "danger", "deleted": "default"}
Tally = Counter[tuple[str, str]]


def state_of(endpoint: WebhookEndpoint) -> str:
    """Return one of STATES."""
    if endpoint.deleted_at:
        return "deleted"
    if not endpoint.is_enabled:
        return "disabled"
    return "failing" if endpoint.failing_since else "enabled"


def tally(now: datetime) -> Tally:
    """Count the deliveries of the last day's events by endpoint and state.

    One statement over the unique index, which begins with the event's id, and so with its time.
    """
    newest = Delivery.objects.filter(event__gte=floor_id("evt", now - DAY)).order_by("-event")
    return Counter(newest.values_list("endpoint_id", "state")[:MOST])


def last_day(endpoint: WebhookEndpoint, counts: Tally) -> str:
    """Return what became of the last day's events, in words."""
    delivered, failed, pending = (
        counts[endpoint.pk, state]
        for state in (Delivery.State.DELIVERED, Delivery.State.FAILED, Delivery.State.PENDING)
    )
    if not delivered + failed + pending:
        return "nothing sent"
    parts = [f"{delivered} delivered"]
    parts += [f"{failed} not"] if failed else []
    parts += [f"{pending} on the way"] if pending else []
    return ", ".join(parts)


def page(endpoint: WebhookEndpoint, permissions: set[str]) -> dict[str, Any]:
    """Return the template's context. permissions: of the user, as `payments.…`."""
    now = database_now()
    state = state_of(endpoint)
    rows = Delivery.objects.filter(endpoint=endpoint).select_related("event").defer("event__body").order_by("-pk")
    return {
        "endpoint": endpoint,
        "state": state,
        "colour": STATES[state],
        "now": now,
        "facts": [(name, text) for name, text in _facts(endpoint, now) if text],
        "acts": _acts(endpoint, permissions),
        "deliveries": [_delivery(row) for row in rows[:_SHOWN]],
        "all_url": f"{reverse('admin:payments_delivery_changelist')}?endpoint__id__exact={endpoint.pk}",
    }


def _facts(endpoint: WebhookEndpoint, now: datetime) -> list[tuple[str, str]]:
    since, until = endpoint.failing_since, endpoint.old_secret_until
    return [
        ("Client", endpoint.client.name),
        ("Description", endpoint.description),
        ("Event types", ", ".join(endpoint.types) or "all"),
        ("Last 24 hours", last_day(endpoint, tally(now))),
        ("Nothing delivered since", f"{utc(since)}, {ago(since, now)}" if since else ""),
        ("Disabled", utc(endpoint.disabled_at) if endpoint.disabled_at else ""),
        ("Why", endpoint.disabled_why),
        ("Old secret signs until", utc(until) if until and until > now else ""),
        ("Created", utc(endpoint.created_at)),
        ("Deleted", utc(endpoint.deleted_at) if endpoint.deleted_at else ""),
    ]


def _acts(endpoint: WebhookEndpoint, permissions: set[str]) -> list[tuple[Act, str]]:
    if endpoint.deleted_at:
        return []
    return [(act, act.why_not(endpoint)) for act in ACTS.values() if act.permission in permissions]


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "url": reverse("admin:payments_delivery_change", args=[row.pk]),
        "time": utc(row.created_at),
        "type": row.event.type,
        "payment_id": row.payment_id,
        "words": row.get_state_display(),
        "colour": labels.DELIVERY[row.state],
        "note": row.note,
    }
