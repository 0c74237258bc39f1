"""What the page of one refund shows, read with a number of statements that does not depend on its history."""

import json
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.db.models import Prefetch

from payments.admin import sentences
from payments.admin.formats import utc
from payments.admin.payment.event import Event
from payments.admin.payment.timeline import in_order, of_entry, of_posting, when_told
from payments.admin.payment.told import of_message, of_shop_event
from payments.clock import database_now
from payments.models import AuditEntry, Delivery, LedgerPosting
from payments.models import Event as ShopEvent
from payments.queries import about
from refunds.admin import labels, words
from refunds.admin.refund.acts import ACTS, Act
from refunds.admin.refund.events import attempts_of, in_turn, why
from refunds.admin.refund.next_step import next_step
from refunds.models import Refund, RefundAttempt
from refunds.states import RefundAttemptState, RefundState

# Entries of one refund shown at most, the newest.
_MOST: Final = 500


def page(refund: Refund, user: User) -> dict[str, Any]:
    """Return the template's context; refund: with its attempts prefetched, its payment, order, client and charge."""
    now = database_now()
    return {
        "refund": refund,
        "now": now,
        "label": RefundState(refund.state).label,
        "colour": labels.REFUND[refund.state],
        "status_words": words.of_refund(refund),
        "next_step": next_step(refund, in_turn(refund), now),
        "is_unknown": refund.state == RefundState.UNKNOWN,
        "facts": _facts(refund),
        "attempts": [_attempt(attempt) for attempt in in_turn(refund)],
        "complaint": refund.complaints.first(),
        "events": _events(refund),
        "acts": acts_for(refund, user, now),
    }


def acts_for(refund: Refund, user: User, now: datetime) -> list[tuple[Act, str, str]]:
    """Return the acts that the role of `user` knows, with what each does and why it cannot be done now."""
    allowed = [act for act in ACTS.values() if act.allowed(user)]
    return [(act, act.will(refund), act.why_not(refund, user, now)) for act in allowed]


def _facts(refund: Refund) -> list[tuple[str, str]]:
    client = refund.client.name
    key = refund.idempotency_key
    return [
        (name, text)
        for name, text in [
            ("Order", refund.payment.order.reference),
            ("Client", client),
            ("Gateway", refund.gateway),
            ("Of the charge", refund.charge.gateway_reference or refund.charge.gateway_key),
            ("Refund id there", refund.gateway_reference),
            ("Our key there", "" if refund.is_external else refund.pk),
            ("Reason", refund.get_reason_display()),
            ("Note", refund.note),
            ("Came by", refund.get_origin_display()),
            ("Idempotency key", "" if key.startswith("~") else key),
            ("Asked for by", f"{sentences.who(refund.requested_by, client)}, {utc(refund.created_at)}"),
            ("Approval", words.approval_of(refund)),
            ("What was said", refund.decision),
            ("Why it ended so", words.of_code(refund.error_code) if refund.error_code else ""),
            ("The gateway's words", refund.message),
            ("Last change", utc(refund.updated_at)),
            ("Ended", utc(refund.finished_at) if refund.finished_at else ""),
        ]
        if text
    ]


def _attempt(attempt: RefundAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "label": RefundAttemptState(attempt.state).label,
        "colour": labels.ATTEMPT[attempt.state],
        "why": why(attempt) or "—",
        "reference": attempt.gateway_reference or "—",
        "sent": utc(attempt.sent_at),
        "finished": utc(attempt.finished_at),
        "looks": attempt.looks,
        "sends": attempt.sends,
    }


def _events(refund: Refund) -> list[Event]:
    """Return the refund's own timeline: trail, attempts, books, and what shop and customer were told."""
    ids = [refund.pk, *(attempt.pk for attempt in refund.attempts.all())]
    trail = AuditEntry.objects.filter(payment_id=refund.payment_id, entity_id__in=ids)
    entries = list(trail.order_by("-id")[:_MOST])[::-1]
    postings = LedgerPosting.objects.filter(payment_id=refund.payment_id, entity_id=refund.pk).order_by("id")
    messages = refund.payment.messages.filter(occurrence=refund.pk).order_by("id")
    return in_order(
        [
            *attempts_of([refund], entries),
            *(of_entry(entry, refund.client.name, refund.gateway) for entry in entries),
            *(of_posting(posting) for posting in postings),
            *(of_shop_event(event, when_told(event, entries)) for event in _told(refund)),
            *(of_message(message) for message in messages),
        ]
    )


def _told(refund: Refund) -> list[ShopEvent]:
    """Return the newest events about the refund, oldest first; which refund one is about stands in its body alone."""
    deliveries = Prefetch("deliveries", queryset=Delivery.objects.select_related("endpoint").order_by("pk"))
    rows = about(ShopEvent.objects.filter(type__startswith="refund."), refund.payment_id).prefetch_related(deliveries)
    newest = list(rows.order_by("-sequence")[:_MOST])[::-1]
    return [event for event in newest if _refund_of(event) == refund.pk]


def _refund_of(event: ShopEvent) -> str:
    data = json.loads(event.body).get("data", {})
    return str(data.get("refund", {}).get("refundID", ""))
