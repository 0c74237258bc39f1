"""After a storm: lets time pass in the database alone until nothing is left to do, and says how much had to pass.

Run as `python -m tests.storm.quiet SECONDS`, in the environment of the site, which has been stopped; the gateways run
and behave. Prints a line of JSON. Gives up after SECONDS of virtual time.
"""

import json
import sys
import time
from datetime import timedelta
from typing import Any, Final

# The longest step, in seconds: some of what is due is known only to the gateways.
_STEP: Final = 15.0
# The shortest: what falls due within a second is settled together.
_LEAST: Final = 1.0
# So many seconds nothing may become due: the gateways' lists are looked at four times a minute.
_STILL: Final = 60.0
_THREADS: Final = 32


def settle_until_quiet(most: float) -> dict[str, Any]:
    """Settle and advance; return the virtual seconds until the last thing was done, and what is left."""
    from payments.audit import Because
    from payments.models import AuditEntry
    from payments.services.settle import Settler
    from tests.support.virtual_time import advance

    settler = Settler(Because(actor="worker:after-the-storm", cause="job:settle"), threads=_THREADS)
    began, passed, last_work, entries = time.monotonic(), 0.0, 0.0, -1
    try:
        while True:
            settler.drain()
            now = passed + time.monotonic() - began
            if (written := AuditEntry.objects.count()) != entries:
                entries, last_work = written, now
            left = _unfinished()
            if now >= most or (not left and now - last_work >= _STILL):
                break
            step = _until_next(_STEP)
            advance(step)
            passed += step
    finally:
        settler.finish()
    return {"virtual_seconds": round(last_work, 1), "unfinished": left, "in_review": _in_review(), "entries": entries}


def _unfinished() -> list[str]:
    """Return what still has to be done by itself, as `id: state`: surplus charges, and payments not in review."""
    from payments.models import Payment, SurplusCharge
    from payments.states import FINAL, PaymentStatus

    payments = Payment.objects.exclude(status__in=[*FINAL, PaymentStatus.REVIEW]).values_list("pk", "status")
    due = Payment.objects.filter(due_at__isnull=False, status__in=FINAL).values_list("pk", "status")
    surplus = SurplusCharge.objects.exclude(state="returned").values_list("pk", "state")
    return [f"{pk}: {state}" for rows in (payments, due, surplus) for pk, state in rows]


def _in_review() -> int:
    from payments.models import Payment

    return Payment.objects.filter(status="review").count()


def _until_next(most: float) -> float:
    """Return the seconds until the next payment falls due, between `_LEAST` and `most`."""
    from payments.clock import database_now
    from payments.models import Payment

    due = Payment.objects.filter(due_at__isnull=False).order_by("due_at").values_list("due_at", flat=True).first()
    wait = (due - database_now()) if due is not None else timedelta(seconds=most)
    return min(max(wait.total_seconds(), _LEAST), most)


def main() -> None:
    import django

    django.setup()
    print(json.dumps(settle_until_quiet(float(sys.argv[1]))))


if __name__ == "__main__":
    main()
