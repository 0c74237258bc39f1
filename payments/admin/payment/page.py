"""What the page of one payment shows, read with a number of statements that does not depend on its history."""

import json
from typing import Any, Final

from payments.admin import labels, sentences
from payments.admin.formats import masked, utc
from payments.admin.levels import of_level
from payments.admin.payment.actions import ACTIONS
from payments.admin.payment.next_step import next_step
from payments.admin.payment.timeline import Known, timeline
from payments.admin.payment.walked import walked
from payments.clock import database_now
from payments.models import CheckoutSession, LedgerPosting, Payment
from payments.queries import events_about, gateway_events_about, messages_about, surplus_of, trail_of
from payments.states import FINAL

# Entries of one payment shown at most; a week of look-ups makes about sixty, and more where nobody answers them.
_MOST: Final = 500


def page(payment: Payment, *, may_act: bool) -> dict[str, Any]:
    """Return the template's context. may_act: whether the user's role allows acting at all."""
    now = database_now()
    known = Known(
        payment=payment,
        attempts=list(payment.attempts.order_by("number")),
        # The newest: what happened last matters most.
        entries=list(trail_of(payment).order_by("-id")[:_MOST])[::-1],
        postings=list(LedgerPosting.objects.filter(payment_id=payment.pk).order_by("id")),
        tasks=list(payment.operator_tasks.order_by("id")),
        surplus=surplus_of(payment),
        told=events_about(payment, _MOST),
        gateway_events=gateway_events_about(payment, _MOST),
        messages=messages_about(payment, _MOST),
    )
    colour, label = labels.of_payment(payment)
    return {
        "payment": payment,
        "label": label,
        "colour": labels.PAYMENT[colour],
        "status_words": _status_words(known),
        "next_step": next_step(payment, known.attempts, now, known.surplus),
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
