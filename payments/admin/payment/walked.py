"""The levels of the ladder that a payment walked: each attempt, why it was made, and why that was safe (B7, B8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from payments.admin import labels, sentences
from payments.admin.levels import of_level
from payments.models import Attempt, AuditEntry, Payment
from payments.states import AttemptState, PaymentStatus

_FIRST: Final = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One step. short: for the line above the table. proof: why it could charge nobody twice. ended: how it ended."""

    level: str
    where: str
    why: str
    proof: str
    ended: str
    colour: str
    short: str


def said_of(entries: list[AuditEntry]) -> dict[str, Mapping[str, Any]]:
    """Return what was written down when each attempt was made, by the attempt's key."""
    return {entry.data["key"]: entry.data for entry in entries if "key" in entry.data}


def walked(payment: Payment, attempts: list[Attempt], entries: list[AuditEntry]) -> list[Step]:
    """Return the steps, oldest first; the last one without an attempt where a level below all attempts was reached."""
    said = said_of(entries)
    steps = [_of_attempt(attempt, said.get(attempt.gateway_key, {})) for attempt in attempts]
    lowest = max((attempt.level for attempt in attempts), default=_FIRST)
    if payment.level > lowest:
        steps.append(_of_payment(payment))
    return steps


def proof_in_words(proof: object) -> str:
    """Return the attempts that certainly charged nothing, as `attempt 1 at primary: declined (do_not_honor)`."""
    if not isinstance(proof, list):
        return ""
    return "; ".join(_proven(each) for each in proof if isinstance(each, dict))


def _proven(each: Mapping[str, Any]) -> str:
    state = str(each.get("state", ""))
    words = sentences.of_attempt(state) if state in AttemptState.values else state
    reason = f" ({each['reason']})" if each.get("reason") else ""
    return f"attempt {each.get('attempt', '?')} at {each.get('gateway', '?')}: {words}{reason}"


def _of_attempt(attempt: Attempt, said: Mapping[str, Any]) -> Step:
    where = f"{attempt.gateway} with 3-D Secure" if attempt.three_d_secure else attempt.gateway
    ended = sentences.of_attempt(attempt.state)
    if attempt.decline_code:
        ended = f"{ended}: {sentences.of_decline(attempt.decline_code, attempt.gateway)}"
    elif attempt.reason and attempt.state not in {AttemptState.SUCCEEDED, AttemptState.ACTION_REQUIRED}:
        ended = f"{ended}: {sentences.of_reason(attempt.reason)}"
    short = f"{sentences.of_attempt(attempt.state)} {attempt.decline_code}".strip()
    return Step(
        level=of_level(attempt.level),
        where=where,
        why=str(said.get("why", "")) or ("first try" if attempt.number == 1 else ""),
        proof=proof_in_words(said.get("proof")) or ("nothing had been sent before" if attempt.number == 1 else ""),
        ended=ended,
        colour=labels.ATTEMPT[attempt.state],
        short=f"level {attempt.level} {where}: {short}",
    )


def _of_payment(payment: Payment) -> Step:
    return Step(
        level=of_level(payment.level),
        where="—",
        why=sentences.of_reason(payment.level_reason),
        proof="nothing was sent",
        ended=sentences.of_payment(payment),
        colour=labels.PAYMENT[payment.status],
        short=f"level {payment.level}: {PaymentStatus(payment.status).label.lower()}",
    )
