"""One timeline of everything that is known of a payment, oldest first (requirement G4)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from payments.admin import labels, sentences
from payments.admin.formats import span, utc
from payments.admin.levels import of_level
from payments.admin.payment.event import Event, facts_of
from payments.admin.payment.told import of_gateway_event, of_message, of_shop_event
from payments.admin.payment.walked import proof_in_words
from payments.models import (
    Attempt,
    AuditEntry,
    CustomerMessage,
    GatewayEvent,
    LedgerPosting,
    OperatorTask,
    Payment,
    SurplusCharge,
)
from payments.models import Event as ShopEvent
from payments.money import Money
from payments.states import AttemptState, SurplusState

# Rank among things of the same moment: what is said to begin before what is done, and what is told of it last.
_AUDIT, ATTEMPT, _BOOKS, _TASK = range(4)


@dataclass(frozen=True, slots=True)
class Known:
    """All rows about one payment. more: what other apps add; gateways: of their rows that the trail tells of."""

    payment: Payment
    attempts: list[Attempt]
    entries: list[AuditEntry]
    postings: list[LedgerPosting]
    tasks: list[OperatorTask]
    surplus: list[SurplusCharge]
    told: list[ShopEvent]
    gateway_events: list[GatewayEvent]
    messages: list[CustomerMessage]
    more: list[Event] = field(default_factory=list)
    gateways: Mapping[str, str] = field(default_factory=dict)


def timeline(known: Known) -> list[Event]:
    """Return the events of `known` in the order in which they happened."""
    client = known.payment.client.name
    # An attempt's row is a moment older than the entry that announces it.
    announced = {entry.data["key"]: entry.at for entry in known.entries if "key" in entry.data}
    surplus = {charge.pk: charge for charge in known.surplus}
    gateways = {**{attempt.pk: attempt.gateway for attempt in known.attempts}, **known.gateways}
    events = [
        *(_attempt(attempt, announced.get(attempt.gateway_key, attempt.sent_at)) for attempt in known.attempts),
        *(
            of_entry(entry, client, gateways.get(entry.entity_id, known.payment.gateway), surplus.get(entry.entity_id))
            for entry in known.entries
        ),
        *(of_posting(posting) for posting in known.postings),
        *(of_task(task) for task in known.tasks),
        *(of_gateway_event(row) for row in known.gateway_events),
        *(of_shop_event(row, when_told(row, known.entries)) for row in known.told),
        *(of_message(row) for row in known.messages),
        *known.more,
    ]
    return in_order(events)


def in_order(events: list[Event]) -> list[Event]:
    """Return the events as they happened: those of one moment by rank, and otherwise as they were written."""
    return sorted(events, key=lambda event: (event.at, event.rank))


def when_told(event: ShopEvent, entries: list[AuditEntry]) -> datetime:
    """Return the moment of the entry that was written with the event, whose own time was read just before."""
    return next((entry.at for entry in entries if entry.at >= event.happened_at), event.happened_at)


def _attempt(attempt: Attempt, at: datetime) -> Event:
    return Event(
        at=at,
        rank=ATTEMPT,
        icon="swap_horiz",
        colour=labels.ATTEMPT[attempt.state],
        title=_title(attempt),
        facts=facts_of(
            [
                ("Charge id at the gateway", attempt.gateway_reference),
                ("Our key at the gateway", attempt.gateway_key),
                ("Amount", str(Money(attempt.amount, attempt.currency))),
                (
                    "Decline",
                    sentences.of_decline(attempt.decline_code, attempt.gateway) if attempt.decline_code else "",
                ),
                ("Reason", _reason_of(attempt)),
                ("The gateway's words", attempt.message),
                ("HTTP status", str(attempt.http_status or "")),
                ("Sent", utc(attempt.sent_at)),
                ("Finished", f"{utc(attempt.finished_at)}, {_took(attempt)}" if attempt.finished_at else "not yet"),
                ("Look-ups", str(attempt.looks or "")),
            ]
        ),
    )


def _title(attempt: Attempt) -> str:
    secure = " with 3-D Secure" if attempt.three_d_secure else ""
    ended = sentences.of_attempt(attempt.state)
    return f"Level {attempt.level}: attempt {attempt.number} was sent to {attempt.gateway}{secure}: {ended}."


def _reason_of(attempt: Attempt) -> str:
    # Where it went well or is a decline, the reason repeats the state.
    plain = {AttemptState.SUCCEEDED, AttemptState.DECLINED, AttemptState.ACTION_REQUIRED, AttemptState.SENT}
    return "" if attempt.state in plain or not attempt.reason else sentences.of_reason(attempt.reason)


def _took(attempt: Attempt) -> str:
    length = (attempt.finished_at or attempt.sent_at) - attempt.sent_at
    if length < timedelta(seconds=1):
        return f"{length // timedelta(milliseconds=1)} ms later"
    return f"{span(length)} later"


def of_entry(entry: AuditEntry, client: str, gateway: str, surplus: SurplusCharge | None = None) -> Event:
    """Return the entry of the trail; client: the name of the payment's shop; gateway: whose words the reason may be."""
    others = sentences.others(entry)
    change = f"{entry.before} → {entry.after}" if entry.before and entry.before != entry.after else ""
    return Event(
        at=entry.at,
        rank=_AUDIT,
        icon=_ICONS.get(entry.action.partition(".")[2], "history"),
        title=sentences.of_entry(entry),
        colour=(others.colours if others else _COLOURS).get(entry.action, "default"),
        who=sentences.who(entry.actor, client),
        cause=entry.cause,
        action=entry.action,
        facts=facts_of(
            [
                ("State", change),
                ("Why", sentences.why(entry, gateway)),
                *(_of_surplus(surplus, entry) if surplus else _rest(entry, others)),
            ]
        ),
    )


def _rest(entry: AuditEntry, others: sentences.Words | None) -> list[tuple[str, str]]:
    if others is not None and others.details is not None:
        return others.details(entry)
    return _details(entry.data)


def _of_surplus(charge: SurplusCharge, entry: AuditEntry) -> list[tuple[str, str]]:
    # The row keeps what the gateway said last, which belongs to what happened last.
    is_last = entry.after == charge.state
    return [
        ("Amount", str(Money(charge.amount, charge.currency))),
        ("Charge id at the gateway", charge.gateway_reference),
        ("Reason", charge.get_reason_display()),
        ("The gateway's words", charge.message if is_last else ""),
        ("Tries to give it back", str(charge.tries or "") if is_last else ""),
        ("Given back", "not yet" if is_last and charge.state != SurplusState.RETURNED else ""),
    ]


def _details(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return money, the level of the ladder, its reason and its proof as lines of their own, and the rest in one."""
    if isinstance(data.get("amount"), int) and "currency" in data:
        rest = {name: value for name, value in data.items() if name not in {"amount", "currency"}}
        return [("Amount", str(Money(data["amount"], str(data["currency"])))), ("Details", _plain(rest))]
    if "level" not in data:
        return [("Details", _plain(data))]
    rest = {name: value for name, value in data.items() if name not in _OF_LEVELS}
    return [
        ("Level", of_level(data["level"])),
        ("Why so", str(data.get("why", ""))),
        ("Safe because", proof_in_words(data.get("proof"))),
        ("Details", _plain(rest)),
    ]


def _plain(data: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {text if isinstance(text, str) else json.dumps(text)}" for name, text in data.items())


def of_posting(posting: LedgerPosting) -> Event:
    return Event(
        at=posting.at,
        rank=_BOOKS,
        icon="menu_book",
        title=f"{Money(posting.amount, posting.currency)} were booked: debit {posting.debit}, credit {posting.credit}.",
        facts=facts_of([("Gateway", posting.gateway), ("Because of", posting.entity_id)]),
    )


def of_task(task: OperatorTask) -> Event:
    closed = f"{utc(task.closed_at)} by {task.closed_by}: {task.resolution}" if task.closed_at else "not yet"
    return Event(
        at=task.opened_at,
        rank=_TASK,
        icon="task_alt",
        colour="default" if task.closed_at else "danger",
        title=f"A task for operators was opened: {task.get_kind_display()}.",
        facts=facts_of([("Detail", sentences.of_task(task.detail)), ("Closed", closed)]),
    )


_OF_LEVELS: Final = frozenset({"level", "gateway", "why", "proof", "breakerOpen"})
_ICONS: Final = {
    "accepted": "login",
    "succeeded": "check_circle",
    "failed": "cancel",
    "declined": "block",
    "unknown": "help",
    "retrying": "replay",
    "queued": "schedule",
    "brought_forward": "bolt",
    "review": "person_search",
    "asked_now": "bolt",
    "canceled": "cancel",
    "closed": "task_alt",
    "opened": "gavel",
    "reopened": "gavel",
    "confirmed": "fact_check",
    "won": "check_circle",
    "lost": "cancel",
    "found": "report",
    "returned": "undo",
    "refused": "report",
    "requested": "undo",
    "approved": "how_to_reg",
    "rejected": "cancel",
    "outcome_unknown": "help",
    "bounced": "report",
    "succeeded_late": "check_circle",
}
_COLOURS: Final = {
    "payment.succeeded": "success",
    "attempt.succeeded": "success",
    "payment.failed": "danger",
    "attempt.declined": "danger",
    "attempt.rejected": "danger",
    "attempt.unknown": "warning",
    "payment.review": "warning",
    "payment.queued": "warning",
    "surplus.found": "danger",
    "surplus.returned": "success",
    "surplus.refused": "danger",
}
