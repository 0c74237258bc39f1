"""What all processes together may do: try again (requirement B4), and charge queued payments without a burst (B7).

Each is a bucket of units in a row of Allowance; one retry or one queued payment is 100 units, so that all of it is
whole numbers. Draws lock the row until the caller's transaction ends. Order of locks: payments, then allowances
(`drain` before `retries`), then circuits.
"""

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from payments.models import Allowance

UNITS: Final = 100
# Seconds for which a process keeps deposits of first tries to itself.
FLUSH_EVERY: Final = 1.0
_MINUTE: Final = 60_000_000  # microseconds
_MICROSECOND: Final = timedelta(microseconds=1)


def draw_retries(first_tries: int, retries: int, now: datetime) -> int:
    """Return how many of `retries` may be made at `now`; `first_tries` are made beside them.

    A first try deposits RETRY_PERCENT units, and time RETRIES_PER_MINUTE retries; what nobody uses is kept for up to a
    minute's worth of the latter. No query where no retry is wanted, but for one deposit a second.
    """
    deposit = _deposits.take(first_tries * settings.RETRY_PERCENT, needed=retries > 0)
    if not retries and not deposit:
        return 0
    per_minute = settings.RETRIES_PER_MINUTE * UNITS
    return _draw(_Bucket("retries", per_minute, per_minute), retries, deposit, now)


def draw_drain(wanted: int, now: datetime) -> int:
    """Return how many of `wanted` queued payments may be charged at `now`: DRAIN_PER_SECOND, evenly.

    Only a fifth of a second's worth is kept (but one at least), so that no second sees a burst.
    """
    if not wanted:
        return 0
    per_second = settings.DRAIN_PER_SECOND * UNITS
    return _draw(_Bucket("drain", per_second * 60, max(per_second // 5, UNITS)), wanted, 0, now)


@dataclass(frozen=True, slots=True)
class _Bucket:
    """per_minute: units that time fills in. most: units that are kept."""

    name: str
    per_minute: int
    most: int


class _Deposits:
    """Units that first tries of this process have earned and the row does not know of yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._units = 0
        self._flushed_at = 0.0

    def take(self, units: int, *, needed: bool) -> int:
        """Add `units`, and return all there are where they are `needed` or have waited for a second."""
        with self._lock:
            self._units += units
            now = time.monotonic()
            if not needed and now - self._flushed_at < FLUSH_EVERY:
                return 0
            taken, self._units, self._flushed_at = self._units, 0, now
            return taken


_deposits: Final = _Deposits()


def _draw(bucket: _Bucket, wanted: int, deposit: int, now: datetime) -> int:
    row = _locked_row(bucket, now)
    units, filled_at = _filled(row, bucket, now)
    # Only what is kept is limited: a deposit can be drawn at once, however large.
    units += deposit
    granted = max(min(wanted, units // UNITS), 0)
    units = min(units - granted * UNITS, bucket.most)
    # A full bucket that stays full need not be told the time.
    if units != row.units or (filled_at != row.filled_at and units < bucket.most):
        Allowance.objects.filter(pk=bucket.name).update(units=units, filled_at=filled_at)
    return granted


def _locked_row(bucket: _Bucket, now: datetime) -> Allowance:
    rows = Allowance.objects.filter(pk=bucket.name)
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(no_key=True)
    # Elsewhere the transaction itself holds the one write lock (settings: IMMEDIATE).
    row = rows.first()
    if row is None:
        new = Allowance(name=bucket.name, units=bucket.most, filled_at=now)
        Allowance.objects.bulk_create([new], ignore_conflicts=True)
        row = rows.get()
    return row


def _filled(row: Allowance, bucket: _Bucket, now: datetime) -> tuple[int, datetime]:
    """Return the row's units with what time has added since, and up to when that is."""
    passed = (now - row.filled_at) // _MICROSECOND
    if passed < -_MINUTE:
        # The clock was put back: the time until it is there again must not count as none.
        return min(row.units, bucket.most), now
    earned = max(passed, 0) * bucket.per_minute // _MINUTE
    if row.units + earned >= bucket.most:
        return bucket.most, max(now, row.filled_at)
    # A unit that is not full yet goes on filling; rounded up, so that no time counts twice.
    used = -(-earned * _MINUTE // bucket.per_minute)
    return row.units + earned, row.filled_at + used * _MICROSECOND
