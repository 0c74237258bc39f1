"""What an operator may do with a webhook endpoint, and what happens then (requirement G7)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from payments.admin.confirm import Question, ReasonForm, RefusedError
from payments.admin.formats import utc
from payments.admin.webhook_endpoint.forms import FAILED, RedeliverForm, RotateForm
from payments.audit import Because
from payments.models import WebhookEndpoint
from payments.services import endpoints
from payments.services.redeliver import MOST, redeliver

# Acts that change nothing about where events go and show no secret.
MAY_ACT: Final = "payments.change_webhookendpoint"
# Making, changing and deleting endpoints and giving them secrets: whoever may do so can send a shop's data elsewhere.
MAY_MANAGE: Final = "payments.add_webhookendpoint"

_DISABLED: Final = "The endpoint is disabled: nothing is sent to it. Enable it first."
_NO_REASON: Final = ""
# What was and was not included, {} being the time from which on.
_EVERYTHING: Final = (
    "Included: all events since {} of the types that the endpoint chose, also those that happened while it was "
    "switched off. Not included: what is being sent at this moment."
)
_ONLY_FAILED: Final = (
    "Included: events since {} that were on their way here and failed. Not included: what happened while the endpoint "
    "was switched off. For that, deliver again Everything."
)

Form = Callable[[Question, Any, WebhookEndpoint], ReasonForm]
Cleaned = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One act. will: what happens. why_not: why it cannot be done now, empty where it can.

    act: does it, by endpoint, actor and the valid form's values, and returns words for the operator; raises
    RefusedError. permission: who may. shows_secret: whether the endpoint's secret is new and shown afterwards.
    """

    slug: str
    label: str
    will: str
    why_not: Callable[[WebhookEndpoint], str]
    act: Callable[[WebhookEndpoint, Because, Cleaned], str]
    permission: str = MAY_ACT
    form: Form = lambda question, data, _: ReasonForm(question, data)
    is_dangerous: bool = False
    shows_secret: bool = False


def _when_enabled(endpoint: WebhookEndpoint) -> str:
    return _NO_REASON if endpoint.is_enabled else _DISABLED


def _test(endpoint: WebhookEndpoint, because: Because, _: Cleaned) -> str:
    try:
        endpoints.test(endpoint, because)
    except endpoints.DisabledEndpointError:
        raise RefusedError(f"{_DISABLED} Nothing was done.") from None
    return "A test event is on its way. Reload the page to see what came of it."


def _enable(endpoint: WebhookEndpoint, because: Because, _: Cleaned) -> str:
    off_at = endpoint.disabled_at
    try:
        endpoints.enable(endpoint, because)
    except endpoints.DisabledEndpointError:
        raise RefusedError("The endpoint was deleted meanwhile. Nothing was changed.") from None
    missed = f" It was switched off at {utc(off_at)}." if off_at else ""
    return (
        f"The endpoint is enabled for events from now on.{missed} It gets what happened meanwhile only if you choose "
        "Deliver again, from that time on, and there Everything."
    )


def _disable(endpoint: WebhookEndpoint, because: Because, cleaned: Cleaned) -> str:
    endpoints.disable(endpoint, str(cleaned["reason"]), because)
    return "The endpoint is disabled: nothing more is sent to it."


def _rotate(endpoint: WebhookEndpoint, because: Because, cleaned: Cleaned) -> str:
    endpoints.rotate(endpoint, timedelta(hours=cleaned["hours"]), because)
    return "The endpoint has a new secret."


def _redeliver(endpoint: WebhookEndpoint, because: Because, cleaned: Cleaned) -> str:
    since, only_failed = cleaned["since"], cleaned["what"] == FAILED
    try:
        count = redeliver(endpoint, because, since=since, only_failed=only_failed)
    except endpoints.DisabledEndpointError:
        raise RefusedError(f"{_DISABLED} Nothing was done.") from None
    more = " That is the most at once: do it again when they are delivered." if count >= MOST else ""
    what = _ONLY_FAILED if only_failed else _EVERYTHING
    return f"{count:,} {'event is' if count == 1 else 'events are'} delivered again.{more} {what.format(utc(since))}"


def _delete(endpoint: WebhookEndpoint, because: Because, _: Cleaned) -> str:
    endpoints.delete(endpoint, because)
    return "The endpoint is deleted. What was delivered to it stays on record."


ACTS: Final = {
    act.slug: act
    for act in (
        Act(
            slug="test",
            label="Send a test event",
            will="An event of type endpoint.test is sent to this endpoint alone, signed like every other. It means "
            "nothing, and no payment is concerned.",
            why_not=_when_enabled,
            act=_test,
        ),
        Act(
            slug="redeliver",
            label="Deliver again",
            will="The same events with the same ids and bytes are sent once more, oldest first. A shop that follows "
            "the rules knows by the id which ones it has.",
            why_not=_when_enabled,
            act=_redeliver,
            form=RedeliverForm,
        ),
        Act(
            slug="enable",
            label="Enable",
            will="Events from now on are sent to this endpoint. What it missed meanwhile is sent only if you have it "
            "delivered again.",
            why_not=lambda endpoint: "It is enabled already." if endpoint.is_enabled else "",
            act=_enable,
        ),
        Act(
            slug="disable",
            label="Disable",
            will="Nothing more is sent to this endpoint, and what is on its way to it counts as not delivered. The "
            "shop does not hear of payments here until somebody enables it again.",
            why_not=lambda endpoint: "" if endpoint.is_enabled else "It is disabled already.",
            act=_disable,
            is_dangerous=True,
        ),
        Act(
            slug="rotate",
            label="New secret",
            will="A new secret signs the events from now on. It is shown once, on the next page, for the shop.",
            why_not=lambda _: "",
            act=_rotate,
            permission=MAY_MANAGE,
            form=lambda question, data, _: RotateForm(question, data),
            shows_secret=True,
        ),
        Act(
            slug="delete",
            label="Delete",
            will="Nothing more is sent to this endpoint, and its secrets are erased. What was delivered to it stays on "
            "record. This cannot be undone.",
            why_not=lambda _: "",
            act=_delete,
            permission=MAY_MANAGE,
            is_dangerous=True,
        ),
    )
}
