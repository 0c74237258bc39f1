"""Lets time pass for everything unfinished in the database: all of its stored times move into the past.

Whatever the product does with time it does by differences to the database's clock, so moving the rows back is the same
as moving the clock forward; leases end, looks fall due, windows close. Finished rows and append-only ones stay.
"""

from datetime import timedelta
from typing import Final

from django.db import connection

# Table, its columns of time, and which rows are unfinished.
_TIMES: Final = (
    (
        "payments_payment",
        ("due_at", "claimed_until", "expires_at", "processed_at", "queued_at"),
        "due_at IS NOT NULL OR id IN (SELECT payment_id FROM payments_attempt WHERE {open})",
    ),
    ("payments_attempt", ("sent_at", "last_sent_at", "not_found_at"), "{open}"),
    ("payments_attempt", ("retry_at",), "retry_at IS NOT NULL"),
    ("payments_settleloop", ("beat_at",), ""),
    ("payments_surpluscharge", ("due_at", "claimed_until", "found_at"), "due_at IS NOT NULL"),
    ("payments_gatewaywatch", ("due_at", "claimed_until"), ""),
    ("payments_customermessage", ("due_at", "claimed_until"), "due_at IS NOT NULL"),
    ("payments_notice", ("due_at", "claimed_until"), "due_at IS NOT NULL"),
    ("payments_gatewayevent", ("due_at", "claimed_until", "received_at"), "due_at IS NOT NULL"),
    ("payments_delivery", ("due_at", "claimed_until", "created_at"), "due_at IS NOT NULL"),
    ("payments_webhookendpoint", ("failing_since", "old_secret_until"), ""),
    ("payments_checkoutsession", ("expires_at",), "ended_at IS NULL"),
    ("payments_circuit", ("opened_at", "try_at", "trials_until", "failed_at", "changed_at"), ""),
    ("payments_gatewayhealth", ("due_at", "checked_at", "since"), ""),
    ("payments_allowance", ("filled_at",), ""),
    (
        "refunds_refund",
        ("due_at", "claimed_until"),
        "due_at IS NOT NULL OR id IN (SELECT refund_id FROM refunds_refundattempt WHERE {open_refund})",
    ),
    ("refunds_refundattempt", ("sent_at", "last_sent_at", "not_found_at"), "{open_refund}"),
    ("refunds_refundwatch", ("due_at", "claimed_until"), ""),
    ("refunds_bulkrefund", ("due_at", "claimed_until"), "due_at IS NOT NULL"),
    ("disputes_dispute", ("due_at", "claimed_until"), "due_at IS NOT NULL"),
)
_OPEN: Final = "state IN ('sent', 'unknown', 'action_required', 'unresolved')"
_OPEN_REFUND: Final = "state IN ('sent', 'unknown', 'pending', 'unresolved')"


def advance(seconds: float) -> None:
    """Let `seconds` pass."""
    with connection.cursor() as cursor:
        for table, columns, unfinished in _TIMES:
            sets = ", ".join(f"{column} = {_earlier(column, seconds)}" for column in columns)
            where = f" WHERE {unfinished.format(open=_OPEN, open_refund=_OPEN_REFUND)}" if unfinished else ""
            cursor.execute(f"UPDATE {table} SET {sets}{where}")


def _earlier(column: str, seconds: float) -> str:
    if connection.vendor == "postgresql":
        return f"{column} - interval '{timedelta(seconds=seconds).total_seconds()} seconds'"
    # As Django writes times, with six digits of a second; SQLite itself knows three.
    return f"STRFTIME('%Y-%m-%d %H:%M:%f000', {column}, '-{seconds:.3f} seconds')"
