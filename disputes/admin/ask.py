"""The one act on a dispute: to have its gateway asked now (requirements D5, G4).

Whoever may act on payments may do so, as with the same act of a payment: it moves no money by itself.
"""

from datetime import datetime
from typing import Final

from django.contrib.auth.models import User

from disputes.models import Dispute
from disputes.services.ask_now import ask_now, can_answer, is_asked_twice
from payments.admin.confirm import Question, RefusedError, because_of
from payments.admin.formats import span
from payments.admin.payment.page import MAY_ACT

LABEL: Final = "Ask the gateway now"


def may_ask(user: User) -> bool:
    return user.has_perm(MAY_ACT)


def will(dispute: Dispute) -> str:
    return (
        f"A worker asks gateway {dispute.gateway} within seconds how the dispute stands, instead of at the next "
        "planned time. What the gateway answers takes effect at once: amount, date and end. Asking does not answer the "
        "dispute."
    )


def why_not(dispute: Dispute, now: datetime) -> str:
    """Say why the gateway cannot be asked now; empty where it can."""
    if not can_answer(dispute):
        return f"Gateway {dispute.gateway} is not in the settings, or answers no questions about disputes."
    if is_asked_twice(dispute, now) and dispute.due_at is not None:
        return (
            "The gateway said that it knows of no such dispute. It may be behind its own event, so that it is asked "
            f"again in {span(dispute.due_at - now)} and not sooner."
        )
    if dispute.claimed_until is not None and dispute.claimed_until > now:
        return "The gateway is being asked at this moment."
    return ""


def question(dispute: Dispute, now: datetime) -> Question:
    return Question(title=f"{LABEL}?", will=will(dispute), button=LABEL, why_not=why_not(dispute, now))


def ask_gateway(dispute: Dispute, user: User, reason: str) -> str:
    """Do it; return words. Raises RefusedError."""
    if not ask_now(dispute.pk, because_of(user, "ask-dispute"), reason):
        raise RefusedError("The gateway cannot be asked now. Nothing was changed.")
    return "The gateway will be asked within seconds. Reload the page to see the answer."
