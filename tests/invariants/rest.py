"""Whether nothing is left to do once all is quiet, but for what people were asked."""

from collections.abc import Iterator

from tests.invariants.evidence import Violation
from tests.invariants.tables import NOT_PAID, OPEN
from tests.invariants.world import World

_FINISHED = NOT_PAID | {"success"}


def nothing_is_unfinished(world: World) -> Iterator[Violation]:
    """Invariant 13 (L). Reads payments, attempts, surplus charges and open operator tasks.

    A payment in review has an open task that says why; only its attempt may be open. A surplus charge that the
    gateway refuses to give back has an open task, too.
    """
    for payment in world.rows.payments:
        if payment.status == "review" and not _asked(world, payment.id):
            yield Violation(13, payment.id, "is in review, and no open task says why")
        if payment.status != "review" and payment.status not in _FINISHED:
            yield Violation(13, payment.id, f"is still {payment.status}")
    for attempt in world.rows.attempts:
        status = world.payments[attempt.payment_id].status
        if attempt.state == "sent" or (attempt.state in OPEN and status in _FINISHED):
            yield Violation(13, attempt.id, f"is still {attempt.state} while its payment is {status}")
    for surplus in world.rows.surpluses:
        if surplus.state == "owed":
            yield Violation(13, surplus.id, "is still to be given back")
        if surplus.state == "refused" and not _asked(world, surplus.payment_id):
            yield Violation(13, surplus.id, "is refused by the gateway, and no open task says so")


def _asked(world: World, payment_id: str) -> bool:
    return any(task.detail.strip() for task in world.open_tasks.get(payment_id, ()))
