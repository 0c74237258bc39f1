"""What the pages of webhook endpoints show: their state, why they fail, and what was sent there."""

from datetime import datetime
from typing import Any, Final

from django.urls import reverse

from payments.admin import labels
from payments.admin.formats import utc
from payments.admin.webhook_endpoint.acts import ACTS, Act
from payments.admin.webhook_endpoint.day import last_days
from payments.admin.webhook_endpoint.trouble import trouble_of
from payments.clock import database_now
from payments.models import Delivery, WebhookEndpoint

_SHOWN: Final = 20

STATES: Final = {"enabled": "success", "failing": "warning", "disabled": "danger", "deleted": "default"}


def state_of(endpoint: WebhookEndpoint) -> str:
    """Return one of STATES."""
    if endpoint.deleted_at:
        return "deleted"
    if not endpoint.is_enabled:
        return "disabled"
    return "failing" if endpoint.failing_since else "enabled"


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
        "trouble": trouble_of(endpoint, now),
        "facts": [(name, text) for name, text in _facts(endpoint, now) if text],
        "acts": _acts(endpoint, permissions),
        "deliveries": [_delivery(row) for row in rows[:_SHOWN]],
        "all_url": f"{reverse('admin:payments_delivery_changelist')}?endpoint__id__exact={endpoint.pk}",
    }


def _facts(endpoint: WebhookEndpoint, now: datetime) -> list[tuple[str, str]]:
    until = endpoint.old_secret_until
    return [
        ("Client", endpoint.client.name),
        ("Description", endpoint.description),
        ("Event types", ", ".join(endpoint.types) or "all"),
        ("Last 24 hours", last_days([endpoint], now)[endpoint.pk]),
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
