"""Named moments at which a test lets a process die (requirement C1).

Each stands before or after a commit or a call to a gateway, as `if __debug__: reach("claim.committed")`. Under
`python -O`, as production runs, nothing of it is left in the code. Without -O nothing happens either, unless a test
armed it: by `arm`, or from outside by the environment variable PAYSITE_CRASH_AT, for example `apply.committed:3`,
which kills the process when that moment comes for the third time. Production refuses to start with it.
"""

import os
import signal
from collections.abc import Callable
from typing import Final

VARIABLE: Final = "PAYSITE_CRASH_AT"

# Point → the moment. tests/crashes kills a process at each; one that cannot be reached fails there.
POINTS: Final[dict[str, str]] = {
    "accept.begin": "a request to pay is checked, nothing is written",
    "accept.committing": "the rows of a payment are written and not yet committed, where that takes several statements",
    "accept.committed": "a payment is committed, its client does not know yet",
    "accept.answering": "the answer is made and not yet sent",
    "claim.committing": "payments are claimed and not yet committed",
    "claim.committed": "attempts are committed as sent, nothing has been sent",
    "send.begin": "a charge is about to be sent",
    "send.answered": "the answer to a charge is read, nobody knows it yet",
    "resend.begin": "a charge is about to be sent once more",
    "resend.answered": "the answer to that is read",
    "look.begin": "a look-up is about to be made",
    "look.answered": "the answer to a look-up is read",
    "void.begin": "the charge of an expired payment is about to be voided",
    "void.answered": "the answer to that is read",
    "apply.begin": "an answer is about to be applied",
    "apply.committing": "an answer is applied and not yet committed",
    "apply.committed": "an answer is applied and committed",
    "late_success.accepting": "a late success is being accepted, not yet committed",
    "late_success.committed": "a late success is committed",
    "surplus.finding": "a charge that nobody may keep is being noted, not yet committed",
    "surplus.committed": "such a charge is noted and committed",
    "give_back.committing": "such a charge is claimed to be given back, not yet committed",
    "give_back.committed": "that claim is committed, the gateway was not told",
    "give_back.begin": "the gateway is about to be told to give it back",
    "give_back.answered": "the gateway's answer to that is read",
    "returned.committing": "the money is back, that is written and not yet committed",
    "returned.committed": "that is committed",
    "expire.committing": "a payment expires, not yet committed",
    "expire.committed": "a payment's expiry is committed",
    "watch.begin": "a gateway's list is about to be read",
    "watch.answered": "a gateway's list is read, nothing is compared yet",
    "watch.committed": "a gateway's list is compared",
    "queue.committing": "an order is accepted to be charged later, not yet committed",
    "queue.committed": "that is committed",
    "retry.committing": "a failed payment gets its next version, not yet committed",
    "retry.committed": "that is committed",
    "breaker.begin": "what calls told of a gateway is about to be written to its breakers",
    "breaker.committed": "that is committed",
    "event.stored": "a gateway's event is stored, the gateway does not know yet",
    "event.claiming": "events of gateways are claimed, what needs no call is settled, not yet committed",
    "event.claimed": "that is committed",
    "event.applied": "what a gateway said about its events is applied, and written to them",
    "publish.committing": "events get their places and deliveries, not yet committed",
    "publish.committed": "that is committed",
    "deliver.claimed": "deliveries of events are claimed and committed, nothing is sent",
    "deliver.answered": "a shop's endpoint has answered, nobody has noted it",
    "deliver.committed": "what endpoints answered is noted and committed",
    "mail.claimed": "an e-mail to a customer is claimed, and not yet sent",
    "mail.sent": "an e-mail is with the mail server, and nobody has noted it",
    "refund.reserving": "a refund is written and reserved, not yet committed",
    "refund.reserved": "that is committed, nobody was told",
    "refund.approving": "a second person approved a refund, not yet committed",
    "refund_claim.committing": "refunds are claimed, their attempts written and not yet committed",
    "refund_claim.committed": "that is committed, nothing was sent",
    "refund_send.begin": "a refund is about to be sent",
    "refund_send.answered": "the answer to a refund is read, nobody knows it yet",
    "refund_resend.begin": "a refund is about to be sent once more",
    "refund_resend.answered": "the answer to that is read",
    "refund_look.begin": "a look-up of a refund is about to be made",
    "refund_look.answered": "the answer to that is read",
    "refund_apply.committing": "an answer about a refund is applied and not yet committed",
    "refund_apply.committed": "that is committed",
    "refund_watch.claiming": "a gateway's list of refunds is claimed, not yet committed",
    "refund_watch.claimed": "that is committed, nothing was asked",
    "refund_watch.begin": "a gateway's list of refunds is about to be read",
    "refund_watch.answered": "a gateway's list of refunds is read, nothing is compared yet",
    "refund_compare.committing": "what the list says of a refund that we know is applied and not yet committed",
    "refund_compare.committed": "that is committed",
    "refund_import.committing": "a refund that we did not make is taken in, not yet committed",
    "refund_import.committed": "that is committed",
    "refund_watch.compared": "a gateway's list of refunds is compared, and nobody has noted how far",
    "refund_watch.committed": "that is noted and committed",
    "bulk_refund.row": "a row of a bulk refund has its refund, and does not say so yet",
    "bulk_refund.committed": "a row of a bulk refund is done and committed",
    "dispute_open.committing": "a dispute is written and its payment frozen, not yet committed",
    "dispute_open.committed": "that is committed with the event that told of it",
    "dispute_claim.committing": "disputes are claimed and not yet committed",
    "dispute_claim.committed": "that is committed, nothing was asked",
    "dispute_look.begin": "a look-up of a dispute is about to be made",
    "dispute_look.answered": "the answer to that is read",
    "dispute_apply.committing": "an answer about a dispute is applied and not yet committed",
    "dispute_apply.committed": "that is committed",
    "recover.begin": "a recovery run begins",
    "recover.committing": "a recovery run has put something right, not yet committed",
    "recover.committed": "a recovery run is committed",
}

_reached: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Say that `point` is reached: whoever armed it may end the process here."""
    if _reached is not None:
        _reached(point)


def arm(reached: Callable[[str], None] | None) -> None:
    """Have `reached` called at every point; None disarms."""
    global _reached  # noqa: PLW0603  (one per process, like the process that it ends)
    _reached = reached


def killer(point: str, nth: int) -> Callable[[str], None]:
    """Return what kills this process when `point` is reached for the `nth` time."""
    if point not in POINTS:
        raise ValueError(f"There is no crash point {point!r}. There are: {', '.join(POINTS)}.")
    left = nth

    def reached(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


def arm_from_environment() -> None:
    """Arm what PAYSITE_CRASH_AT asks for, if it is set."""
    asked = os.environ.get(VARIABLE, "")
    if asked:
        point, _, nth = asked.partition(":")
        arm(killer(point, int(nth or 1)))
