"""Refunds in the console's words: actions, states, reasons and why one failed, for an operator at 3 a.m.

Every action that a service of refunds writes must have its sentence here; a test compares (tests/refunds/admin).
"""

from typing import Final

from payments.admin import sentences
from payments.admin.formats import utc
from payments.models import AuditEntry
from refunds.models import Reason, Refund
from refunds.states import RefundAttemptState, RefundState

ACTIONS: Final[dict[str, str]] = {
    "refund.requested": "A refund was asked for and written down; its amount is reserved. Nothing was sent yet.",
    "refund.approved": "A second person approved the refund: it is sent now.",
    "refund.rejected": "The refund was called off before anything was sent. Its amount can be refunded again.",
    "refund.processing": "A worker took the refund up and wrote it down before sending anything.",
    "refund.sent": "A worker took the approved refund up and wrote it down before sending anything.",
    "refund.sent_again": "The refund had provably not happened, so it was sent again under the same key.",
    "refund.outcome_unknown": "No usable answer came: the money may or may not have gone back. It stays reserved.",
    "refund.succeeded": "The gateway gave the money back to the customer.",
    "refund.succeeded_late": "The gateway gave the money back after all, although the refund had counted as failed.",
    "refund.failed": "The refund failed: the customer did not get the money. Its amount can be refunded again.",
    "refund.bounced": "The money came back from the customer's bank. Its amount can be refunded again.",
    "refund.asked_now": "The next look at the gateway was moved to now.",
    "complaint.refunded": "A complaint came, and the policy had the order refunded at once.",
    "complaint.review": "A complaint came, and the policy asked people to decide.",
    "refund_attempt.succeeded": "The gateway said that it gave the money back.",
    "refund_attempt.pending": "The gateway has taken the refund on and is not done.",
    "refund_attempt.declined": "The gateway does not give the money back.",
    "refund_attempt.not_sent": "The refund provably did not happen: the gateway did not get it or did not act on it.",
    "refund_attempt.unknown": "No usable answer came: the money may or may not have gone back.",
    "refund_attempt.rejected": "The gateway refused our request as wrong. No money moved.",
    "refund_attempt.not_found": "Two looks, far enough apart, found nothing at the gateway: it did not happen.",
    "refund_attempt.unresolved": "The outcome stayed unknown for too long: people decide, and the gateway is asked on.",
    "refund_attempt.bounced": "The gateway said that the money came back from the customer's bank.",
}
COLOURS: Final[dict[str, str]] = {
    "refund.approved": "success",
    "refund.rejected": "warning",
    "refund.outcome_unknown": "warning",
    "refund.succeeded": "success",
    "refund.succeeded_late": "success",
    "refund.failed": "danger",
    "refund.bounced": "danger",
    "refund_attempt.succeeded": "success",
    "refund_attempt.declined": "danger",
    "refund_attempt.rejected": "danger",
    "refund_attempt.unknown": "warning",
    "refund_attempt.unresolved": "warning",
    "refund_attempt.bounced": "danger",
}
# The refund was processing already, where the reason says how it came back to it.
_BACK: Final[dict[str, str]] = {
    "pending": "The gateway knows the refund and is not done: its outcome is not unknown any more.",
    "proven_absent": "It is proven that the refund did not happen. It is sent again under the same key.",
}
_STATES: Final[dict[str, str]] = {
    RefundState.REQUESTED: "Asked for, and sent within seconds",
    RefundState.AWAITING_APPROVAL: "Waits for a second person's approval; nothing was sent",
    RefundState.PROCESSING: "Under way at the gateway",
    RefundState.UNKNOWN: "The money may or may not have gone back",
    RefundState.SUCCEEDED: "The money went back",
    RefundState.FAILED: "The customer did not get the money",
    RefundState.REJECTED: "Called off, nothing was sent",
}
_ATTEMPTS: Final[dict[str, str]] = {
    RefundAttemptState.SENT: "under way, no answer yet",
    RefundAttemptState.SUCCEEDED: "given back",
    RefundAttemptState.PENDING: "taken on by the gateway, not done",
    RefundAttemptState.DECLINED: "refused by the gateway",
    RefundAttemptState.NOT_SENT: "provably not sent",
    RefundAttemptState.UNKNOWN: "outcome unknown",
    RefundAttemptState.REJECTED: "refused by the gateway as wrong",
    RefundAttemptState.NOT_FOUND: "proven not to have happened",
    RefundAttemptState.UNRESOLVED: "outcome unknown for too long",
    RefundAttemptState.BOUNCED: "given back, and came back",
}
# Why a refund was refused, called off or failed: our own words (refunds/rules.py), then gateways'.
CODES: Final[dict[str, str]] = {
    "called_off": "somebody called it off",
    "approval_lapsed": "nobody approved it in time",
    "payment_disputed": "the customer disputes the charge with the bank",
    "payment_not_captured": "nothing is captured that could be refunded",
    "payment_outcome_unknown": "nobody knows yet whether the payment was charged",
    "refund_window_over": "the time for refunds of this payment is over",
    "gateway_cannot_refund": "the gateway takes no refunds from here",
    "fully_refunded": "nothing is left to refund",
    "nothing_left": "nothing is left to refund after a lost dispute",
    "amount_exceeds_refundable": "less than that can still be refunded",
    "gateway_rejected": "the gateway refused our request",
    "declined": "the gateway refuses it",
    "pending": "the gateway has it and is not done",
    "proven_absent": "it is proven not to have happened",
    "reference_of_another": "the gateway named the reference of another refund, which proves nothing",
    "charge_not_refundable": "the gateway says that this charge cannot be refunded",
    "charge_unknown": "the gateway does not know the charge",
    "charge_disputed": "the gateway says that the customer disputes the charge",
    "currency_mismatch": "the gateway charged in another currency",
    "insufficient_funds": "our balance at the gateway does not cover it",
    "insufficient_balance": "our balance at the gateway does not cover it",
    "expired_or_canceled_card": "the customer's card is expired or canceled",
    "expired_card": "the customer's card is expired",
    "lost_or_stolen_card": "the customer's card is lost or stolen",
    "card_closed": "the customer's card account is closed",
    "account_closed": "the customer's account is closed",
}


def of_entry(entry: AuditEntry) -> str:
    """Return what the audit entry tells; empty for an action without a sentence here."""
    if entry.action.startswith("refund_attempt.") and entry.before == entry.after:
        return sentences.LOOKED
    if entry.action == "refund.processing" and entry.reason in _BACK:
        return _BACK[entry.reason]
    return ACTIONS.get(entry.action, "")


def why(entry: AuditEntry) -> str:
    """Return the reason of the audit entry in words: of a request it is the reason for the refund."""
    if entry.reason in Reason.values:
        return Reason(entry.reason).label
    return of_code(entry.reason)


def of_code(code: str) -> str:
    """Return why a refund was refused, called off or failed, with the machine word; any other text as it is."""
    # What gateways say about charges means something else: a refund has no decline class.
    return f"{CODES[code]} ({code})" if code in CODES else _of_call(code)


def of_refund(refund: Refund) -> str:
    """Return the refund's state in words."""
    words = _STATES[refund.state]
    if refund.state in {RefundState.FAILED, RefundState.REJECTED} and refund.error_code:
        return f"{words}: {CODES.get(refund.error_code, sentences.in_words(refund.error_code))}"
    return words


def of_attempt(state: str) -> str:
    return _ATTEMPTS[state]


def approval_of(refund: Refund) -> str:
    """Return who approved the refund, or why nobody had to."""
    if refund.approved_by:
        return f"{sentences.who(refund.approved_by)}, {utc(refund.approved_at)}"
    if not refund.needs_approval:
        return "not needed"
    return "waits for it" if refund.state == RefundState.AWAITING_APPROVAL else "nobody"


def _of_call(code: str) -> str:
    """Return the words for how a call ended, which are those of charges."""
    return f"{sentences.in_words(code)} ({code})" if sentences.has_words(code) else code
