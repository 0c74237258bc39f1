"""What the page of one dispute shows, read with a number of statements that does not depend on its history."""

import json
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.db.models import Prefetch

from disputes.admin import ask, words
from disputes.admin.exposure import exposure
from disputes.admin.next_step import next_step, to_do
from disputes.models import Dispute
from disputes.states import DisputeStatus
from payments.admin.formats import utc
from payments.admin.payment.event import Event
from payments.admin.payment.timeline import in_order, of_entry, when_told
from payments.admin.payment.told import of_gateway_event, of_shop_event
from payments.models import AuditEntry, Delivery, GatewayEvent
from payments.models import Event as ShopEvent
from payments.money import Money
from payments.queries import about

# Rows of each kind that the timeline shows at most, the newest.
_MOST: Final = 500


def page(dispute: Dispute, user: User, now: datetime) -> dict[str, Any]:
    """Return the template's context; dispute: with its payment, the payment's order and client, and its charge."""
    return {
        "dispute": dispute,
        "money": money_of(dispute),
        "now": now,
        "label": DisputeStatus(dispute.status).label,
        "colour": words.LABELS[dispute.status],
        "status_words": words.of_dispute(dispute),
        "to_do": to_do(dispute, now),
        "next_step": next_step(dispute, now),
        "exposure": exposure(dispute.payment),
        "facts": _facts(dispute),
        "events": _events(dispute),
        "may_ask": ask.may_ask(user),
        "ask_label": ask.LABEL,
        "ask_will": ask.will(dispute),
        "ask_why_not": ask.why_not(dispute, now),
    }


def money_of(dispute: Dispute) -> str:
    return str(Money(dispute.amount, dispute.currency))


def confirmed(dispute: Dispute) -> str:
    """Return when the gateway itself last said so."""
    return utc(dispute.confirmed_at) if dispute.confirmed_at else "not yet"


def _facts(dispute: Dispute) -> list[tuple[str, str]]:
    return [
        (name, text)
        for name, text in [
            ("Order", dispute.payment.order.reference),
            ("Client", dispute.payment.client.name),
            ("Gateway", dispute.gateway),
            ("Dispute there", dispute.gateway_reference),
            ("Of the charge", dispute.charge.gateway_reference or dispute.charge.gateway_key),
            ("Reason", words.of_reason(dispute.reason) or "the gateway gave none"),
            ("Respond by", utc(dispute.respond_by)),
            ("Refunded or being refunded when it was opened", str(Money(dispute.refunded_before, dispute.currency))),
            ("Opened", utc(dispute.opened_at)),
            ("Last confirmed by the gateway", confirmed(dispute)),
            ("Times the gateway was asked", str(dispute.looks)),
            ("Trouble with the last answer", words.of_trouble(dispute.trouble)),
            ("Ended", utc(dispute.closed_at) if dispute.closed_at else ""),
        ]
        if text
    ]


def _events(dispute: Dispute) -> list[Event]:
    """Return the dispute's own timeline: its trail, and what the gateway told us and the shop was told."""
    trail = AuditEntry.objects.filter(payment_id=dispute.payment_id, entity_id=dispute.pk)
    entries = list(trail.order_by("-id")[:_MOST])[::-1]
    told_us = about(GatewayEvent.objects.defer("body"), dispute.payment_id).filter(about=dispute.gateway_reference)
    return in_order(
        [
            *(of_entry(entry, dispute.payment.client.name, dispute.gateway) for entry in entries),
            *(of_gateway_event(event) for event in list(told_us.order_by("-pk")[:_MOST])[::-1]),
            *(of_shop_event(event, when_told(event, entries)) for event in _told(dispute)),
        ]
    )


def _told(dispute: Dispute) -> list[ShopEvent]:
    """Return the newest events about the dispute, oldest first; which one it is about stands in its body alone."""
    deliveries = Prefetch("deliveries", queryset=Delivery.objects.select_related("endpoint").order_by("pk"))
    events = ShopEvent.objects.filter(type__startswith="dispute.")
    rows = about(events, dispute.payment_id).prefetch_related(deliveries)
    newest = list(rows.order_by("-sequence")[:_MOST])[::-1]
    return [event for event in newest if _dispute_of(event) == dispute.pk]


def _dispute_of(event: ShopEvent) -> str:
    data = json.loads(event.body).get("data", {})
    return str(data.get("dispute", {}).get("disputeID", ""))
