"""After a storm: lets time pass in the database alone until nothing is left to do, and says how much had to pass.

Run as `python -m tests.storm.quiet SECONDS`, in the environment of the site, which has been stopped; the gateways run
and behave. Prints a line of JSON. Gives up after SECONDS of virtual time.
"""

import json
import sys
import time
from typing import Any, Final

from django.db.models import Min

# The longest step, in seconds: some of what is due is known only to the gateways.
_STEP: Final = 15.0
# The shortest: what falls due within a second is settled together.
_LEAST: Final = 1.0
# So many seconds nothing may become due: the gateways' lists are looked at four times a minute.
_STILL: Final = 60.0
_THREADS: Final = 32
_REFUND_OPEN: Final = ("requested", "processing", "unknown")


def settle_until_quiet(most: float) -> dict[str, Any]:
    """Settle, send and advance; return the virtual seconds until the last thing was done, and what is left."""
    from payments.audit import Because
    from payments.services.outbox import Outbox, sources
    from payments.services.settle import Settler
    from tests.support.virtual_time import advance

    settler = Settler(Because(actor="worker:after-the-storm", cause="job:settle"), threads=_THREADS)
    outbox = Outbox(Because(actor="worker:after-the-storm", cause="job:outbox"), sources(), threads=_THREADS)
    began, passed, last_work = time.monotonic(), 0.0, 0.0
    done: dict[str, int] = {}
    try:
        while True:
            settler.drain()
            outbox.drain()
            now = passed + time.monotonic() - began
            if (done_by_now := _done()) != done:
                done, last_work = done_by_now, now
                print(f"after {now:.0f} s: {done}", file=sys.stderr)
            left = _unfinished()
            if now >= most or (not left and now - last_work >= _STILL):
                break
            step = _until_next(_STEP)
            advance(step)
            passed += step
    finally:
        settler.finish()
        outbox.finish()
    return {"virtual_seconds": round(last_work, 1), "unfinished": left, "in_review": _in_review()}


def _done() -> dict[str, int]:
    """Return numbers that rise with everything that is done."""
    from payments.models import AuditEntry, Delivery, Event, GatewayEvent

    return {
        "entries": AuditEntry.objects.count(),
        "published": Event.objects.filter(position__isnull=False).count(),
        "delivered": Delivery.objects.filter(due_at__isnull=True).count(),
        "dealt with": GatewayEvent.objects.filter(due_at__isnull=True).count(),
    }


def _unfinished() -> list[str]:
    """Return what still has to be done by itself, as `id: state`.

    Surplus charges, payments not in review, refunds that wait for nobody's approval, gateways' events, and events that
    the shop has not got yet.
    """
    from payments.models import Delivery, Event, GatewayEvent, Payment, SurplusCharge
    from payments.states import FINAL, PaymentStatus
    from refunds.models import Refund

    payments = Payment.objects.exclude(status__in=[*FINAL, PaymentStatus.REVIEW]).values_list("pk", "status")
    due = Payment.objects.filter(due_at__isnull=False, status__in=FINAL).values_list("pk", "status")
    surplus = SurplusCharge.objects.exclude(state="returned").values_list("pk", "state")
    refunds = Refund.objects.filter(state__in=_REFUND_OPEN).values_list("pk", "state")
    refunds_due = Refund.objects.filter(due_at__isnull=False, finished_at__isnull=False).values_list("pk", "state")
    heard = GatewayEvent.objects.filter(due_at__isnull=False).values_list("event_id", "state")
    unpublished = Event.objects.filter(position__isnull=True).values_list("pk", "type")
    untold = Delivery.objects.filter(due_at__isnull=False).values_list("event_id", "state")
    everything = (payments, due, surplus, refunds, refunds_due, heard, unpublished, untold)
    return [f"{pk}: {state}" for rows in everything for pk, state in rows]


def _in_review() -> int:
    from payments.models import Payment

    return Payment.objects.filter(status="review").count()


def _until_next(most: float) -> float:
    """Return the seconds until the next payment or event falls due, between `_LEAST` and `most`."""
    from payments.clock import database_now
    from payments.models import Delivery, GatewayEvent, Payment
    from refunds.models import Refund

    now, kinds = database_now(), (Payment, Refund, GatewayEvent, Delivery)
    firsts = [kind.objects.aggregate(first=Min("due_at"))["first"] for kind in kinds]
    waits = [(first - now).total_seconds() for first in firsts if first is not None]
    return min(max(min(waits, default=most), _LEAST), most)


def main() -> None:
    import django

    django.setup()
    print(json.dumps(settle_until_quiet(float(sys.argv[1]))))


if __name__ == "__main__":
    main()
