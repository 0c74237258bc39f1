"""The console's words: audit actions, states and reasons as sentences that an operator understands at 3 a.m.

Every action that a service writes must have its sentence here; a test compares (tests/payments/admin).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from payments.declines import DeclineClass, decline
from payments.models import AuditEntry, Payment, SurplusCharge
from payments.money import Money
from payments.services.recover import AT_MOST
from payments.states import AttemptState, PaymentStatus, SurplusState

_ACTIONS: Final[dict[str, str]] = {
    "payment.accepted": "The request to pay was accepted and stored.",
    "payment.processing": "A worker took the payment up and wrote the attempt down before sending anything.",
    "payment.action_required": "The payment waits for the customer to confirm it with the bank.",
    "payment.queued": "No gateway could charge: the order was accepted (level 4), and the payment is charged later.",
    "payment.retrying": "Nothing was charged. The payment will be tried again by itself.",
    "payment.review": "The payment was handed to people: the machine cannot decide it alone.",
    "payment.succeeded": "The payment is paid.",
    "payment.succeeded_late": "The gateway charged after the payment had ended; the order was unpaid and is paid now.",
    "payment.failed": "The payment failed. The customer was not charged.",
    "payment.expired": "The payment's time ran out. The customer was not charged.",
    "payment.canceled": "The payment was canceled. The customer was not charged.",
    "payment.recovered": "Recovery found the payment unfinished and due at no time, and made it due.",
    "payment.brought_forward": "The next try was moved to now.",
    "payment.retried": "Somebody asked to try it again: a new version of the payment was made.",
    "payment.asked_now": "The next look at the gateway was moved to now.",
    "attempt.succeeded": "The gateway said that it charged the customer.",
    "attempt.declined": "The gateway declined the charge.",
    "attempt.action_required": "The gateway wants the customer to confirm with the bank (3-D Secure).",
    "attempt.not_sent": "The charge provably never happened: the gateway did not get it or did not act on it.",
    "attempt.rejected": "The gateway refused our request as wrong. No money moved.",
    "attempt.unknown": "No usable answer came: the customer may or may not have been charged.",
    "attempt.sent_again": "The gateway did not know the charge, so it was sent again under the same key.",
    "attempt.not_found": "Two looks, far enough apart, found nothing at the gateway: the charge did not happen.",
    "attempt.unresolved": "The outcome stayed unknown for a day: people decide, and the gateway is still asked.",
    "attempt.voided": "The charge was undone at the gateway: it holds no money of it and will take none.",
    "surplus.found": "The gateway took money that no payment may keep. It is given back by itself.",
    "surplus.returned": "The gateway gave that money back to the customer.",
    "surplus.refused": "The gateway does not give that money back. A person must see to it.",
    "message.sent": "A message about it was sent to the customer.",
    "message.dropped": "A message to the customer was not sent, because it would not be true or of use any more.",
    "message.given_up": "A message to the customer could not be sent, and is not tried again.",
    "task.closed": "An operator task was closed.",
    "event.applied_again": "Somebody asked to apply an event of the gateway once more.",
}
# An attempt that was open before is looked up; the first entry tells about the lost answer itself.
_LOOKED: Final = "The gateway was asked again; what it said proves nothing yet."

_REASONS: Final[dict[str, str]] = {
    "amount_mismatch": "the gateway answered with another amount; its answer was not believed",
    "body_encoded": "the answer was compressed against our request",
    "body_too_large": "the answer was far too large",
    "broken": "the connection broke",
    "closed": "the gateway closed the connection without an answer",
    "conflict": "the gateway answered 409",
    "connect_timeout": "no connection within the time allowed",
    "contradiction": "the gateway's answer contradicts itself",
    "credentials_refused": "the gateway refused our credentials",
    "charge_voided": "the charge was undone at the gateway",
    "currency_mismatch": "the gateway answered with another currency; its answer was not believed",
    "cut_body": "the answer was cut off",
    "deadline": "the time for the whole call ran out",
    "declined": "the gateway declined",
    "defect": "a defect of our own software; its log has the details",
    "dns": "the gateway's name could not be resolved",
    "duplicate_charge": "the gateway charged the customer a second time",
    "duplicate_charges": "the gateway made several charges under one key",
    "empty_body": "the answer was empty",
    "garbage_reply": "the answer was not HTTP",
    "gateway_rejected": "the gateway refused our request",
    "gateway_unavailable": "the gateway could not be reached, and the tries are used up",
    "health_check": "its own health call failed",
    "key_in_use": "the gateway is still working on this charge",
    "key_reused": "the gateway knows our key with other parameters",
    "late_success": "the gateway charged after the payment had ended, and the order cannot take it any more",
    "listed": "it is in the gateway's own list of charges",
    "maintenance": "the gateway is under maintenance",
    "mode_mismatch": "the gateway answered in the other mode (test or live); its answer was not believed",
    "network_limit": "the card network allows no further try with this card",
    "no_gateway": "no gateway could take the payment",
    "not_asked": "nothing could be asked",
    "not_found": "the gateway knows no charge under our key",
    "not_json": "the answer was not JSON",
    "paused_before_sending": "the worker was paused too long before sending",
    "queued_too_long": "an order that had been accepted could not be charged in time",
    "rate_limited": "the gateway asked us to slow down",
    "read_timeout": "no answer within the time allowed",
    "redirect": "the gateway answered with a redirect, which is never followed",
    "reference_mismatch": "the gateway answered about another payment; its answer was not believed",
    "refused": "the gateway refused the connection",
    "rejected": "the gateway found our request malformed",
    "reset": "the connection was reset",
    "schema": "the answer lacked what an answer must have",
    "server_error": "the gateway answered with an error of its own (5xx)",
    "server_error_replayed": "the gateway repeats a saved error, so that only a look-up can tell more",
    "taken_back": "the charge was undone at the gateway after it had been paid",
    "tls": "no secure connection came about",
    "unexpected": "something that nobody had thought of; the gateway's words have the details",
    "unexpected_status": "the gateway answered a status that it does not document",
    "too_many": "there are more charges than one reading may take",
    "unknown_status": "the gateway answered a state that it does not document",
    "unknown_too_long": "the outcome has been unknown for a day",
    "worker_lost": "the worker that sent it did not come back",
}

# A status of HTTP that a list of charges was answered with.
_HTTP: Final = re.compile(r"status_([1-5][0-9]{2})")
# The machine word in the detail of a task (payments/services/book.py), after what the gateway said.
_IN_DETAIL: Final = re.compile(r"^([^:.]+): ([a-z0-9_]+)\.")

_STATUS: Final[dict[str, str]] = {
    PaymentStatus.PENDING: "Accepted, waiting for a worker",
    PaymentStatus.PROCESSING: "Processing",
    PaymentStatus.REQUIRES_ACTION: "Waiting for the customer",
    PaymentStatus.RETRYING: "Trying again soon",
    PaymentStatus.REVIEW: "A person must decide",
    PaymentStatus.SUCCESS: "Paid",
    PaymentStatus.FAILED: "Failed, not charged",
    PaymentStatus.EXPIRED: "Expired, not charged",
    PaymentStatus.CANCELED: "Canceled, not charged",
}
UNKNOWN_OUTCOME: Final = "Outcome unknown"

_ATTEMPT: Final[dict[str, str]] = {
    AttemptState.SENT: "under way, no answer yet",
    AttemptState.SUCCEEDED: "charged",
    AttemptState.DECLINED: "declined",
    AttemptState.ACTION_REQUIRED: "waiting for the customer's confirmation",
    AttemptState.NOT_SENT: "provably not sent",
    AttemptState.UNKNOWN: "outcome unknown",
    AttemptState.REJECTED: "refused by the gateway as wrong",
    AttemptState.NOT_FOUND: "proven not to have happened",
    AttemptState.UNRESOLVED: "outcome unknown for too long",
    AttemptState.VOIDED: "taken back",
}

_CLASS: Final[dict[DeclineClass, str]] = {
    DeclineClass.SOFT: "soft decline: the same card may work later",
    DeclineClass.AUTHENTICATION: "the customer's confirmation with the bank is missing",
    DeclineClass.HARD: "hard decline: this card will not work",
    DeclineClass.FRAUD: "fraud: customer and shop read only a neutral message",
    DeclineClass.PROCESSING: "a fault on the gateway's or our side",
}


def of_entry(entry: AuditEntry) -> str:
    """Return what the audit entry tells, as a sentence; an action without one is shown as it is."""
    if entry.action == "attempt.unknown" and entry.before != AttemptState.SENT:
        return _LOOKED
    return _ACTIONS.get(entry.action, entry.action)


_FOUND: Final[dict[str, str]] = {
    "unknown": "outcome unknown",
    "overdue": "due for over 2 minutes",
    "inReview": "in review",
    "toBeReturned": "charges to be given back",
}
_REPAIRED: Final[dict[str, str]] = {
    "forgottenPayments": "forgotten payments made due",
    "forgottenAttempts": "payments with a forgotten charge made due",
    "askedNow": "unknown outcomes asked about now",
    "forgottenReturns": "forgotten charges to be given back made due",
    "forgottenEvents": "forgotten events of gateways made due",
    "forgottenDeliveries": "forgotten deliveries to shops made due",
    "takenFromQueue": "accepted orders taken up",
    "wokenLoops": "loops woken",
    "sentAlerts": "tasks told to the team",
}


def of_found(found: Mapping[str, int]) -> str:
    """Return what a recovery run found, as `outcome unknown: 2, in review: 1`."""
    return _numbers(found, _FOUND)


def of_repaired(repaired: Mapping[str, int]) -> str:
    """Return what a recovery run put right, as `loops woken: 1`."""
    return _numbers(repaired, _REPAIRED)


def _numbers(numbers: Mapping[str, int], names: Mapping[str, str]) -> str:
    shown = [f"{names.get(name, name)}: {count}{_more(count)}" for name, count in numbers.items() if count]
    return ", ".join(shown) or "nothing"


def _more(count: int) -> str:
    return " or more" if count >= AT_MOST else ""


def of_surplus(status: str, charges: Iterable[SurplusCharge]) -> str:
    """Return the state of a payment for which a gateway took money that no payment may keep."""
    sums: dict[bool, int] = {}
    currency = ""
    for charge in charges:
        is_returned = charge.state == SurplusState.RETURNED
        sums[is_returned] = sums.get(is_returned, 0) + charge.amount
        currency = charge.currency
    parts = [
        f"{words} {Money(sums[is_returned], currency)}"
        for is_returned, words in ((False, "still to be given back:"), (True, "given back:"))
        if is_returned in sums
    ]
    ended = _STATUS[status].partition(",")[0]
    return f"{ended}. Taken without right and {', '.join(parts)}"


def has_sentence(action: str) -> bool:
    return action in _ACTIONS


def has_words(reason: str) -> bool:
    return reason in _REASONS


def of_reason(reason: str, gateway: str = "") -> str:
    """Return a machine word in words, with the word itself, which logs and the gateway's support understand.

    gateway: whose decline code it may be.
    """
    if words := _words(reason):
        return f"{words} ({reason})"
    return of_decline(reason, gateway) if decline(reason, gateway).is_mapped else reason


def in_words(reason: str) -> str:
    """Return a machine word in words alone, where there is no room for more; one without words as it is."""
    return _words(reason) or reason


def _words(reason: str) -> str:
    found = _HTTP.fullmatch(reason)
    return f"the gateway answered with HTTP status {found[1]}" if found else _REASONS.get(reason, "")


def of_task(detail: str) -> str:
    """Return the detail of an operator task with its machine word in words; any other text as it is."""
    found = _IN_DETAIL.match(detail)
    return f"{found[1]}: {of_reason(found[2])}.{detail[found.end() :]}" if found else detail


def of_decline(code: str, gateway: str = "") -> str:
    """Return the internal meaning of a decline code of `gateway` (requirement B5): for operators only."""
    meaning = decline(code, gateway)
    means = f": {meaning.internal_message}" if meaning.is_mapped else ", unknown code, treated as"
    return f"{code}{means} ({of_class(meaning.decline_class)})"


def of_class(decline_class: DeclineClass) -> str:
    return _CLASS[decline_class]


def of_status(status: str, *, outcome_unknown: bool) -> str:
    """Return a payment's state in words. While the outcome is unknown, that matters more than the state."""
    return "The customer may or may not have been charged" if outcome_unknown else _STATUS[status]


def of_payment(payment: Payment) -> str:
    """Return the state of `payment` in words; an order that was accepted for later does not read as failing."""
    if payment.queued_at is not None and payment.status == PaymentStatus.RETRYING:
        return "Order accepted, to be charged later"
    return of_status(payment.status, outcome_unknown=payment.outcome_unknown)


def of_attempt(state: str) -> str:
    return _ATTEMPT[state]


def who(actor: str, client_name: str = "") -> str:
    """Return an audit actor (`client:3`, `worker:settle-1`, …) in words. `client_name`: of the payment's client."""
    kind, _, name = actor.partition(":")
    if kind == "client":
        return f"client {client_name}" if client_name else f"client {name}"
    if kind == "worker":
        return f"settle loop {name}"
    # Somebody whose user name is "operator" is named once.
    return kind if name == kind else f"{kind} {name}".strip()
