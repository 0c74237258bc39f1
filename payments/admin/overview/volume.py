"""Payments and their success rate over the last 24 hours, hour by hour, and the last 7 days (requirement G5)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Case, Count, IntegerField, Value, When

from payments.admin.overview.newest import newest_since
from payments.ids import floor_id
from payments.models import Payment
from payments.states import PaymentStatus

HOURS: Final = 24
DAYS: Final = 7
_PAID: Final = (PaymentStatus.SUCCESS,)
_FAILED: Final = (PaymentStatus.FAILED,)
# The bucket of payments that are older than the first hour shown.
_BEFORE: Final = -1


@dataclass(slots=True)
class Tally:
    """Payments accepted in a stretch of time.

    other: neither paid nor failed: under way, canceled or expired.
    """

    paid: int = 0
    failed: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        return self.paid + self.failed + self.other

    @property
    def rate(self) -> str:
        """The share of paid ones in those that ended paid or failed: `97.3 %`; a dash where none ended.

        Rounded down, so that 100.0 % means that none failed.
        """
        ended = self.paid + self.failed
        if not ended:
            return "—"
        per_mille = 1000 * self.paid // ended
        return f"{per_mille // 10}.{per_mille % 10} %"

    def add(self, status: str, count: int) -> None:
        if status in _PAID:
            self.paid += count
        elif status in _FAILED:
            self.failed += count
        else:
            self.other += count


@dataclass(slots=True)
class Volume:
    """hours: the last 24 as (when it began, tally), oldest first, the last one not over yet."""

    hours: list[tuple[datetime, Tally]]
    day: Tally = field(default_factory=Tally)
    week: Tally = field(default_factory=Tally)
    is_capped: bool = False


def volume(now: datetime) -> Volume:
    """Count by the time in the ids, which the primary key finds; with two statements."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    starts = [this_hour - timedelta(hours=back) for back in reversed(range(HOURS))]
    rows, is_capped = newest_since(Payment.objects.all(), "pay", now - timedelta(days=DAYS))
    newest_first = reversed(list(enumerate(starts)))
    hour = Case(
        *[When(pk__gte=floor_id("pay", start), then=Value(place)) for place, start in newest_first],
        default=Value(_BEFORE),
        output_field=IntegerField(),
    )
    found = Volume(hours=[(start, Tally()) for start in starts], is_capped=is_capped)
    for row in rows.values("status", hour=hour).annotate(count=Count("pk")).order_by():
        found.week.add(row["status"], row["count"])
        if row["hour"] != _BEFORE:
            found.day.add(row["status"], row["count"])
            found.hours[row["hour"]][1].add(row["status"], row["count"])
    return found
