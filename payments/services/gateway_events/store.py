"""Stores what gateways send, each delivery with one statement (requirement E1).

Whoever sends the same event again, or at the same moment, adds to a count: the unique constraint decides (invariant
28). The first body stays.
"""

from datetime import UTC, datetime
from typing import Final

from django.db import connection

from payments.clock import now_sql
from payments.gateways.base import EventNotice
from payments.gateways.text import sanitised
from payments.models import GatewayEvent
from payments.prepared import prepared_cursor

_GIVEN: Final = (
    *("gateway", "event_id", "type", "body", "reference", "gateway_key", "payment_id"),
    *("about", "about_key", "happened_at", "note"),
)
_STORE: Final = """
INSERT INTO payments_gatewayevent AS stored ({names}, state, tries, due_at, fence, times_received)
VALUES ({marks}, '{state}', 0, {due_at}, 0, 1)
ON CONFLICT (gateway, event_id)
DO UPDATE SET times_received = stored.times_received + 1, last_received_at = {now}
"""
_COUNT: Final = """
INSERT INTO payments_refusedwebhook AS counted (gateway, reason, count) VALUES (%s, %s, 1)
ON CONFLICT (gateway, reason) DO UPDATE SET count = counted.count + 1, last_at = {now}
"""
State = GatewayEvent.State


def store(gateway: str, notice: EventNotice, body: bytes, known_version: str = "") -> None:
    """Store one delivery of a verified event; committed when this returns, unless the caller has a transaction open.

    known_version: the newest version of the gateway's events that we read; a newer one is stored and ignored, until
    somebody applies it again by hand.
    """
    is_newer = bool(known_version) and _is_newer(notice.api_version, known_version)
    note = f"Of version {sanitised(notice.api_version)}, which is newer than {known_version}." if is_newer else ""
    event = GatewayEvent(
        gateway=gateway,
        event_id=notice.event_id,
        type=_type(notice.type),
        body=body,
        reference=_id(notice.reference, 100),
        gateway_key=_id(notice.key, 64),
        payment_id=_id(notice.payment_id, 34),
        about=_id(notice.about, 100),
        about_key=_id(notice.about_key, 64),
        happened_at=_time(notice.created),
        note=note[:200],
    )
    columns = [column for column in GatewayEvent._meta.concrete_fields if column.name in _GIVEN]
    values = [column.get_db_prep_save(getattr(event, column.attname), connection) for column in columns]
    now = now_sql(connection.vendor)
    state, due_at = (State.IGNORED.value, "NULL") if is_newer else (State.RECEIVED.value, now)
    marks = ", ".join(["%s"] * len(_GIVEN))
    names = ", ".join(str(column.column) for column in columns)
    sql = _STORE.format(names=names, marks=marks, state=state, due_at=due_at, now=now)
    with prepared_cursor() as cursor:
        cursor.execute(sql, values)


def count_refusal(gateway: str, reason: str) -> None:
    """Count a delivery that nobody we know has signed; nothing else of it is kept."""
    with prepared_cursor() as cursor:
        cursor.execute(_COUNT.format(now=now_sql(connection.vendor)), [gateway[:32], reason[:32]])


def _is_newer(version: str, known: str) -> bool:
    """Compare versions that are numbers or dates: a longer one is a larger number."""
    return (len(version), version) > (len(known), known)


def _type(text: str) -> str:
    """Return the type as it can be stored; what has one keeps one, as an empty type means an unreadable body."""
    return (sanitised(text)[:100] or "unprintable") if text else ""


def _id(text: str, longest: int) -> str:
    """Return an id as it can be stored; empty for what can be none of ours: a cut id would name something else."""
    return text if len(text) <= longest and text.isprintable() else ""


def _time(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
