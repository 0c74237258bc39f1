"""What a gateway reports about one charge or refund, and whether that is the one we asked for.

A report about another amount, currency, payment, mode, charge or key says nothing about ours: unknown, quarantined,
with an alert.
"""

from dataclasses import dataclass

from payments.gateways.base import Kind, Outcome
from payments.gateways.text import sanitised


@dataclass(frozen=True, slots=True)
class Report:
    """One charge or refund as a gateway reports it, every member present and of its type.

    kind: what the status word means, None for a word we do not know. word: that word. amount: minor units.
    reference: the gateway's id. payment_id: our reference, echoed. key: the idempotency key it was made under; empty
    for a refund made at the gateway's dashboard. created: the gateway's time, seconds since 1970. card_brand,
    card_fingerprint: empty where they are not told. never_again: the card network forbids another try after this
    decline. charge: of a refund alone, the gateway's id of the charge that it gives back.
    """

    reference: str
    kind: Kind | None
    word: str
    amount: int
    currency: str
    payment_id: str
    live: bool
    key: str
    created: int
    decline_code: str = ""
    action_url: str = ""
    card_brand: str = ""
    card_fingerprint: str = ""
    never_again: bool = False
    charge: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What was asked for. amount: minor units; live: whether real money was meant.

    charge, key: of a refund, the gateway's id of its charge and the key it was sent under; empty: not compared.
    """

    payment_id: str
    amount: int
    currency: str
    live: bool = False
    charge: str = ""
    key: str = ""


def judge(report: Report, expected: Expected, http_status: int) -> Outcome:
    """Return what `report` means for what is `expected`."""
    if mismatch := _mismatch(report, expected):
        reason, message = mismatch
        return Outcome(
            Kind.UNKNOWN,
            reason,
            reference=report.reference,
            message=sanitised(message),
            http_status=http_status,
            alert=True,
        )
    if report.kind is None:
        message = f"The gateway answered a status that is not documented: {report.word}"
        return Outcome(
            Kind.UNKNOWN,
            "unknown_status",
            reference=report.reference,
            message=sanitised(message),
            http_status=http_status,
            alert=True,
            card_brand=report.card_brand,
            card_fingerprint=report.card_fingerprint,
        )
    return Outcome(
        report.kind,
        report.word,
        reference=report.reference,
        decline_code=report.decline_code,
        action_url=report.action_url,
        http_status=http_status,
        card_brand=report.card_brand,
        card_fingerprint=report.card_fingerprint,
        never_again=report.never_again and report.kind is Kind.DECLINED,
    )


def _mismatch(report: Report, expected: Expected) -> tuple[str, str] | None:
    if report.payment_id != expected.payment_id:
        return "reference_mismatch", f"Asked about {expected.payment_id}, answered about {report.payment_id}."
    if report.currency != expected.currency:
        return "currency_mismatch", f"Asked for {expected.currency}, answered {report.currency}."
    if report.amount != expected.amount:
        return "amount_mismatch", f"Asked for {expected.amount} minor units, answered {report.amount}."
    if report.live != expected.live:
        return "mode_mismatch", "The answer is about the other mode (test or live)."
    if expected.charge and report.charge != expected.charge:
        return "charge_mismatch", f"Asked about the charge {expected.charge}, answered about {report.charge}."
    if expected.key and report.key != expected.key:
        return "key_mismatch", f"Asked about the key {expected.key}, answered about {report.key or 'none'}."
    return None
