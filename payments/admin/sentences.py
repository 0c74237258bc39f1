"""The console's words: audit actions, states and reasons as sentences that an operator understands at 3 a.m.

Every action that a service writes must have its sentence here; a test compares (tests/payments/admin).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from payments.admin.reasons import REASONS
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
    "refund.imported": "A refund was found that the gateway had made without us. It counts like any other.",
    "task.closed": "An operator task was closed.",
    "event.applied_again": "Somebody asked to apply an event of the gateway once more.",
}
# An attempt that was open before is looked up; the first entry tells about the lost answer itself.
LOOKED: Final = "The gateway was asked again; what it said proves nothing yet."


@dataclass(frozen=True, slots=True)
class Words:
    """The words of another app for its own actions.

    of_entry: the sentence, empty for none. why: the entry's reason in words. colours: of its actions on the timeline.
    details: name and text of what else the entry keeps, where that is to be told in another way than any other's.
    """

    of_entry: Callable[[AuditEntry], str]
    why: Callable[[AuditEntry], str]
    colours: Mapping[str, str]
    details: Callable[[AuditEntry], list[tuple[str, str]]] | None = None


_others: Final[dict[str, Words]] = {}


def register(kind: str, words: Words) -> None:
    """Let `words` tell the actions that begin with `kind` and a dot."""
    _others[kind] = words


def others(entry: AuditEntry) -> Words | None:
    """Return the words of the app whose action it is; None for our own."""
    return _others.get(entry.action.partition(".")[0])


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
    words = others(entry)
    if words is not None and (told := words.of_entry(entry)):
        return told
    if entry.action == "attempt.unknown" and entry.before != AttemptState.SENT:
        return LOOKED
    return _ACTIONS.get(entry.action, entry.action)


def why(entry: AuditEntry, gateway: str = "") -> str:
    """Return the reason of the audit entry in words; empty where it has none. gateway: as for `of_reason`."""
    if not entry.reason:
        return ""
    words = others(entry)
    return words.why(entry) if words is not None else of_reason(entry.reason, gateway)


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
    "forgottenRefunds": "forgotten refunds made due",
    "forgottenDisputes": "forgotten disputes made due",
    "driftedRefunds": "payments whose counters are not the sums of their refunds, told to people",
    "driftedDisputes": "payments whose counters are not the sums of their disputes, told to people",
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
    return reason in REASONS


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
    return f"the gateway answered with HTTP status {found[1]}" if found else REASONS.get(reason, "")


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
