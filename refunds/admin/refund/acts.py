"""What people may do about a refund: who, when, what happens then (requirements D6, G4)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib.auth.models import User
from unfold.widgets import UnfoldAdminTextareaWidget

from payments.admin import sentences
from payments.admin.confirm import Question, ReasonForm, RefusedError, because_of
from payments.admin.formats import utc
from payments.admin.free_text import FreeTextField
from refunds import rules
from refunds.admin.may import MAY_APPROVE, MAY_REQUEST
from refunds.models import Refund
from refunds.services.approve import CAN_BE_REJECTED, NotApprovableError, approve, reject
from refunds.services.ask_now import ask_now, can_be_asked
from refunds.services.request import RefundRefusedError
from refunds.states import RefundState

Cleaned = dict[str, Any]
_UNCHANGED: Final = "Nothing was changed, and no money moved."


class ApprovalForm(forms.Form):
    """seen: the hash of the parameters that the page showed, to which the approval is bound."""

    seen = forms.CharField(max_length=64, widget=forms.HiddenInput())
    reason = FreeTextField(
        required=False,
        max_length=200,
        label="Anything to add?",
        help_text="Optional. Goes into the audit trail with your name.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "maxlength": 200}),
    )

    def __init__(self, data: Any, refund: Refund) -> None:
        super().__init__(data)
        self.initial["seen"] = refund.parameters_hash


def _reason(question: Question, data: Any, _: Refund) -> forms.Form:
    return ReasonForm(question, data)


@dataclass(frozen=True, slots=True)
class Act:
    """One act. allowed: whether the role of `user` allows it at all, where not it is not shown; why_not: why `user`
    cannot do it now, empty where that is possible; the service behind `act` has the last word.

    act: does it, by refund id, user and the valid form's values; returns words; raises RefusedError.
    """

    slug: str
    label: str
    allowed: Callable[[User], bool]
    will: Callable[[Refund], str]
    why_not: Callable[[Refund, User, datetime], str]
    act: Callable[[Refund, User, Cleaned], str]
    form: Callable[[Question, Any, Refund], forms.Form] = _reason
    is_dangerous: bool = False


def actor_of(user: User) -> str:
    return because_of(user, "").actor


def _why_not_approve(refund: Refund, user: User, now: datetime) -> str:
    if refund.state != RefundState.AWAITING_APPROVAL:
        return _state(refund, "nothing waits for approval")
    if refund.requested_by == actor_of(user):
        return "You asked for this refund yourself: somebody else must approve it, whatever your role."
    if not user.has_perm(MAY_APPROVE):
        return "Only the role Supervisor approves refunds."
    if refund.due_at is None or refund.due_at <= now:
        return "It was not approved in time, and lapses. Ask for the refund again."
    refusal = rules.why_not_send(refund.payment, now)
    return refusal.words if refusal else ""


def _why_not_reject(refund: Refund, user: User, _: datetime) -> str:
    if refund.state not in CAN_BE_REJECTED:
        return _state(refund, "it cannot be called off")
    if user.has_perm(MAY_APPROVE) or refund.requested_by == actor_of(user):
        return ""
    return "Only who asked for it, or the role Supervisor, calls a refund off."


def _why_not_ask(refund: Refund, _: User, now: datetime) -> str:
    if not can_be_asked(refund):
        if refund.state == RefundState.PROCESSING:
            return f"Gateway {refund.gateway} was sent it a moment ago, or is about to be."
        return _state(refund, "there is nothing to ask the gateway about")
    if refund.claimed_until is not None and refund.claimed_until > now:
        return "The gateway is being asked at this moment."
    return ""


def _state(refund: Refund, so: str) -> str:
    if refund.state == RefundState.UNKNOWN:
        return f"The outcome of the refund is unknown: {so}."
    return f"The refund is {RefundState(refund.state).label.lower()}: {so}."


def _approve(refund: Refund, user: User, said: Cleaned) -> str:
    try:
        approve(refund.pk, because_of(user, "approve-refund"), seen=said["seen"], words=said["reason"])
    except (NotApprovableError, RefundRefusedError) as error:
        raise RefusedError(f"{error} {_UNCHANGED}") from None
    return f"Approved: the refund of {refund.money} is on its way. Reload the page to see what came of it."


def _reject(refund: Refund, user: User, said: Cleaned) -> str:
    try:
        reject(refund.pk, because_of(user, "call-off-refund"), said["reason"])
    except NotApprovableError as error:
        raise RefusedError(f"{error} {_UNCHANGED}") from None
    return "The refund is called off. Nothing was sent, and its amount can be refunded again."


def _ask(refund: Refund, user: User, said: Cleaned) -> str:
    if not ask_now(refund.pk, because_of(user, "ask-refund"), said["reason"]):
        raise RefusedError(f"There is nothing to ask the gateway about any more. {_UNCHANGED}")
    return "The gateway will be asked within seconds. Reload the page to see the answer."


def _will_approve(refund: Refund) -> str:
    return (
        f"{sentences.who(refund.requested_by).capitalize()} asked on {utc(refund.created_at)} to refund {refund.money} "
        f"of payment {refund.payment_id} ({refund.get_reason_display().lower()}){_noted(refund)}. Gateway "
        f"{refund.gateway} is told within seconds to give exactly that back. Once sent, a refund cannot be called back."
    )


def _noted(refund: Refund) -> str:
    return f", with the note “{refund.note}”" if refund.note else ""


def _will_reject(refund: Refund) -> str:
    return f"The refund of {refund.money} is never sent, and its amount can be refunded again. This cannot be undone."


def _will_ask(refund: Refund) -> str:
    return (
        f"A worker asks gateway {refund.gateway} within seconds what became of the refund, instead of at the next "
        "planned time. Where the gateway does not know it, the same refund may be sent again under its own key, which "
        "gives the money back at most once. What the gateway answers takes effect at once."
    )


def _may_act(user: User) -> bool:
    return user.has_perm(MAY_REQUEST) or user.has_perm(MAY_APPROVE)


ACTS: Final = {
    act.slug: act
    for act in (
        Act(
            slug="approve",
            label="Approve",
            allowed=_may_act,
            will=_will_approve,
            why_not=_why_not_approve,
            act=_approve,
            form=lambda _, data, refund: ApprovalForm(data, refund),
        ),
        Act(
            slug="call-off",
            label="Call off",
            allowed=_may_act,
            will=_will_reject,
            why_not=_why_not_reject,
            act=_reject,
            is_dangerous=True,
        ),
        Act(
            slug="ask",
            label="Ask the gateway now",
            allowed=_may_act,
            will=_will_ask,
            why_not=_why_not_ask,
            act=_ask,
        ),
    )
}
