"""Disputes in the console's words: actions, states, reasons and troubles, for an operator at 3 a.m.

Every action that a service of disputes writes must have its sentence here; a test compares (tests/disputes/admin).
"""

from typing import Final

from disputes.models import Dispute
from disputes.states import DisputeStatus
from payments.admin import sentences
from payments.models import AuditEntry
from payments.money import Money

ACTIONS: Final[dict[str, str]] = {
    "dispute.opened": "The gateway says that the customer disputes the charge. Nothing is refunded until it has ended.",
    "dispute.confirmed": "The gateway was asked and confirmed the dispute.",
    "dispute.reopened": "The gateway says that the dispute goes on.",
    "dispute.won": "The dispute was won: its money is the shop's again.",
    "dispute.lost": "The dispute was lost: its money is gone.",
    "dispute.closed": "The gateway knows of no such dispute; nothing is held for it any more.",
    "dispute.asked_now": "The next look at the gateway was moved to now.",
}
COLOURS: Final[dict[str, str]] = {
    "dispute.opened": "danger",
    "dispute.confirmed": "warning",
    "dispute.reopened": "danger",
    "dispute.won": "success",
    "dispute.lost": "danger",
    "dispute.closed": "warning",
}
# Of states: a word of payments/admin/labels.py.
LABELS: Final[dict[str, str]] = {
    DisputeStatus.NEEDS_RESPONSE: "danger",
    DisputeStatus.WON: "success",
    DisputeStatus.LOST: "danger",
    DisputeStatus.CLOSED: "default",
}
_STATES: Final[dict[str, str]] = {
    DisputeStatus.NEEDS_RESPONSE: "The bank holds the money until it has decided",
    DisputeStatus.WON: "The bank decided for the shop: the money is the shop's again",
    DisputeStatus.LOST: "The bank decided for the customer: the money is gone",
    DisputeStatus.CLOSED: "The gateway knows of no such dispute: nothing is held for it",
}
_UNCONFIRMED: Final = "The gateway's event says so; asked, the gateway has not confirmed it yet"
# Why customers dispute: the words of card networks and gateways.
_REASONS: Final[dict[str, str]] = {
    "fraudulent": "the customer says that somebody else paid",
    "unrecognized": "the customer does not recognise the charge",
    "product_not_received": "the customer says that the goods never came",
    "product_unacceptable": "the customer says that the goods were not as promised",
    "duplicate": "the customer says that it was charged twice",
    "credit_not_processed": "the customer says that a promised refund did not come",
    "subscription_canceled": "the customer says that the subscription had been canceled",
    "general": "no particular reason",
}
# What a look-up met. Some of these words mean something else of a charge.
_TROUBLES: Final[dict[str, str]] = {
    "not_found": "the gateway said once that it knows of no such dispute",
    "no_gateway": "the gateway is not in the settings, or answers no questions about disputes",
    "reference_mismatch": "the gateway answered about another dispute; its answer was not believed",
    "payment_mismatch": "the gateway answered about another payment; its answer was not believed",
    "amount_mismatch": "the gateway answered with an amount that cannot be; its answer was not believed",
}


def of_entry(entry: AuditEntry) -> str:
    """Return what the audit entry tells; empty for an action without a sentence here."""
    return ACTIONS.get(entry.action, "")


def why(entry: AuditEntry) -> str:
    """Return the reason of the audit entry in words; what a person wrote as it is."""
    if entry.action == "dispute.asked_now":
        return entry.reason
    return of_trouble(entry.reason) if entry.reason in _TROUBLES else of_reason(entry.reason)


def details(entry: AuditEntry) -> list[tuple[str, str]]:
    """Return what else the audit entry keeps: its sums, which are in minor units, as money."""
    data = entry.data
    names = (("amount", "Amount"), ("was", "Amount before"), ("refundedBefore", "Refunded or being refunded then"))
    is_same = data.get("was") == data.get("amount")
    sums = [(name, data[key]) for key, name in names if key in data and not (key == "was" and is_same)]
    currency = str(data.get("currency", ""))
    return [
        *((name, str(Money(minor, currency)) if currency else f"{minor} minor units") for name, minor in sums),
        ("Dispute at the gateway", str(data.get("reference", ""))),
    ]


def of_dispute(dispute: Dispute) -> str:
    """Return the dispute's state in words."""
    is_claim = dispute.status == DisputeStatus.NEEDS_RESPONSE and dispute.confirmed_at is None
    return _UNCONFIRMED if is_claim else _STATES[dispute.status]


def of_reason(reason: str) -> str:
    """Return the gateway's word for why, in words and as it is; any other text as it is."""
    return f"{_REASONS[reason]} ({reason})" if reason in _REASONS else reason


def of_trouble(trouble: str) -> str:
    """Return what the last look-up met in words, with the machine word; empty for none."""
    words = _TROUBLES.get(trouble) or (sentences.in_words(trouble) if sentences.has_words(trouble) else "")
    return f"{words} ({trouble})" if words else trouble
