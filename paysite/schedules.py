"""The table of periodic jobs. django-q2 runs them up to half a minute late, twice or not at all: none may mind.

`install` makes django-q2's rows equal to the table, by name, as its schedule names are not unique.
"""

from dataclasses import dataclass
from typing import Final

from django_q.models import Schedule


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job: `function` is run every `minutes`."""

    name: str
    function: str
    minutes: int


JOBS: Final = (
    # Whoever accepts a payment wakes the loops, too: this is for the case that nobody comes.
    Job("wake settle loops", "payments.tasks.wake_loops", 1),
    Job("sweep", "payments.tasks.sweep", 1),
    Job("look at rates", "payments.tasks.look_at_rates", 1),
    Job("tell expired checkouts", "payments.tasks.tell_expired_checkouts", 5),
    Job("forget old events", "payments.tasks.forget_old_events", 60),
    Job("expire idempotency keys", "payments.tasks.expire_idempotency_keys", 15),
)


def install() -> None:
    """Make the scheduled jobs what JOBS says; safe to repeat, and leaves the next run of an unchanged job alone."""
    names = [job.name for job in JOBS]
    Schedule.objects.exclude(name__in=names).delete()
    for job in JOBS:
        wanted = {"func": job.function, "schedule_type": Schedule.MINUTES, "minutes": job.minutes, "repeats": -1}
        rows = list(Schedule.objects.filter(name=job.name).order_by("id"))
        if not rows:
            Schedule.objects.create(name=job.name, **wanted)
            continue
        Schedule.objects.filter(id__in=[row.pk for row in rows[1:]]).delete()
        Schedule.objects.filter(id=rows[0].pk).update(**wanted)
