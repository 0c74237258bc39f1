"""What goes wrong with each payment of the sweep, what may be known of it when, and how it must end."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from payments.states import PaymentStatus
from tests.sweep.replies import DECLINE, SUCCESS, WholeReply

Fault = dict[str, Any]

ENDS: Final = ("close", "reset")
# Milliseconds between two bytes: some hundred bytes take minutes, so that only our deadline can end the call.
_DRIP_MS: Final = 1000
# How often each drip and each loss of a whole answer is done.
_TIMES: Final = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One payment. faults: armed for its key. final: the one right end.

    blind: how many calls, counted from the first, cannot tell its outcome. drips: whether the last of these must be
    ended by our own deadline. may_be_unsent: whether it can be proven that a request was not sent; that counts as a
    call that did not tell.
    """

    name: str
    faults: tuple[Fault, ...] = ()
    token: str = SUCCESS
    final: str = PaymentStatus.SUCCESS
    blind: int = 1
    drips: bool = False
    may_be_unsent: bool = False


def cases_of(replies: Iterable[WholeReply], share: float, chance: random.Random) -> list[Case]:
    """Return every case but those of requests cut on their way; first those that wait for our deadline."""
    cut = [_cut(reply, at, end) for reply in replies for end in ENDS for at in reply.cuts(share, chance)]
    return [case for case in (*_drips(), *_lost()) for _ in range(_TIMES)] + cut


def _cut(reply: WholeReply, at: int, end: str) -> Case:
    name = f"reply to {reply.about}, {reply.framing}, {end} after byte {at} of {len(reply.raw)}"
    params = {"at_byte": at, "framing": reply.framing, "end": end, "of": len(reply.raw)}
    hidden = 1 if at < reply.believable_from else 0
    if reply.about in {"charge", "decline"}:
        declined = reply.about == "decline"
        return Case(
            name,
            (fault("cut_reply", params=params),),
            token=DECLINE if declined else SUCCESS,
            final=PaymentStatus.FAILED if declined else PaymentStatus.SUCCESS,
            blind=hidden,
        )
    lost = "execute_then_close" if reply.about == "look_up" else "close_without_executing"
    return Case(name, (fault(lost), fault("cut_reply", "look_up", params=params)), blind=1 + hidden)


def _drips() -> list[Case]:
    cases = []
    for where in ("headers", "body"):
        params = {"where": where, "interval_ms": _DRIP_MS}
        cases.append(Case(f"reply to charge drips from its {where}", (fault("drip", params=params),), drips=True))
        look_up = (fault("execute_then_close"), fault("drip", "look_up", params=params))
        cases.append(Case(f"reply to look_up drips from its {where}", look_up, blind=2, drips=True))
    return cases


def _lost() -> list[Case]:
    kinds = ("reset_without_executing", "execute_then_reset", "close_without_executing", "execute_then_close")
    return [Case(kind.replace("_", " "), (fault(kind),)) for kind in kinds]


def fault(kind: str, operation: str = "charge", params: Fault | None = None) -> Fault:
    """Return a fault that hits one request, as the control API takes it; whom it hits is added later."""
    return {"kind": kind, "operation": operation, "count": 1, "params": params or {}}
