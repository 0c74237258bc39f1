"""What the page of one payment shows, read with a number of statements that does not depend on its history."""

import json
from typing import Any, Final

from django.contrib.auth.models import User

from payments.admin import labels, sentences
from payments.admin.formats import masked, utc
from payments.admin.levels import of_level
from payments.admin.payment.actions import ACTIONS
from payments.admin.payment.next_step import next_step
from payments.admin.payment.parts import Seen, parts_of
from payments.admin.payment.timeline import Known, timeline
from payments.admin.payment.walked import walked
from payments.clock import database_now
from payments.models import CheckoutSession, LedgerPosting, Payment
from payments.queries import events_about, gateway_events_about, messages_about, surplus_of, trail_of
from payments.states import FINAL

MAY_ACT: Final = "payments.change_payment"
# Entries of one payment shown at most; a week of look-ups makes about sixty, and more where nobody answers them.
_MOST: Final = 500


def page(payment: Payment, user: User) -> dict[str, Any]:
    """Return the template's context; `user` is offered what the role allows."""
    now, may_act = database_now(), user.has_perm(MAY_ACT)
    # The newest: what happened last matters most.
    entries = list(trail_of(payment).order_by("-id")[:_MOST])[::-1]
    parts = parts_of(Seen(payment, entries, user, now))
    known = Known(
        payment=payment,
        attempts=list(payment.attempts.order_by("number")),
        entries=entries,
        postings=list(LedgerPosting.objects.filter(payment_id=payment.pk).order_by("id")),
        tasks=list(payment.operator_tasks.order_by("id")),
        surplus=surplus_of(payment),
        told=events_about(payment, _MOST),
        gateway_events=gateway_events_about(payment, _MOST),
        messages=messages_about(payment, _MOST),
        more=[event for part in parts for event in part.events],
        gateways={id_: gateway for part in parts for id_, gateway in part.gateways.items()},
    )
    colour, label = labels.of_payment(payment)
    return {
        "payment": payment,
        "label": label,
        "colour": labels.PAYMENT[colour],
        "status_words": _status_words(known),
        "next_step": next_step(payment, known.attempts, now, known.surplus),
        "next_steps": [words for part in parts for words in part.next_steps],
        "panels": [panel for part in parts for panel in part.panels],
        "offers": [offer for part in parts for offer in part.offers],
        "now": now,
        "facts": _facts(payment),
        "metadata": json.dumps(payment.metadata, indent=2, ensure_ascii=False) if payment.metadata else "",
        "walked": walked(payment, known.attempts, known.entries),
        "later_version": Payment.objects.filter(retry_of=payment.pk).values_list("pk", flat=True).first(),
        "events": timeline(known),
        "is_cut": len(known.entries) == _MOST,
        "open_tasks": [(task, sentences.of_task(task.detail)) for task in known.tasks if task.closed_at is None],
        "may_act": may_act,
        "actions": [
            (action, action.will(payment), action.why_not(payment, known.attempts))
            for action in ACTIONS.values()
            if may_act
        ],
    }


def _status_words(known: Known) -> str:
    payment = known.payment
    if known.surplus and payment.status in FINAL:
        return sentences.of_surplus(payment.status, known.surplus)
    return sentences.of_payment(payment)


def _facts(payment: Payment) -> list[tuple[str, str]]:
    order = payment.order
    customer = (order.customer_name, order.customer_email, order.customer_reference)
    visits = CheckoutSession.objects.filter(order=order).order_by("created_at").values_list("token", flat=True)[:10]
    return [
        (name, text)
        for name, text in [
            ("Order", order.reference),
            ("Customer", " · ".join(filter(None, customer))),
            ("Client", payment.client.name),
            ("Idempotency key", payment.idempotency_key),
            ("Paid with", f"{payment.method_type}, token {masked(payment.method_token)}"),
            ("Checkout", ", ".join(masked(token) for token in visits)),
            ("Gateway", payment.gateway),
            ("Level", of_level(payment.level)),
            ("Why this level", sentences.of_reason(payment.level_reason) if payment.level_reason else ""),
            ("Version", str(payment.version)),
            ("Charged later since", utc(payment.queued_at) if payment.queued_at else ""),
            ("Last error", _last_error(payment)),
            ("Why in review", sentences.of_reason(payment.review_reason) if payment.review_reason else ""),
            ("Created", utc(payment.created_at)),
            ("Last change", utc(payment.updated_at)),
            ("Ended", utc(payment.processed_at) if payment.processed_at else ""),
        ]
        if text
    ]


def _last_error(payment: Payment) -> str:
    return (
        f"{sentences.of_reason(payment.error_code, payment.gateway)}, {utc(payment.error_at)}"
        if payment.error_code
        else ""
    )
