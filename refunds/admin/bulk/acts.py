"""What an operator may do with a bulk refund, in which states, and what happens then (requirements D6, G4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User

from payments.admin.confirm import because_of
from refunds.admin.may import MAY_APPROVE, MAY_REQUEST, limits_of
from refunds.models import BulkRefund
from refunds.services.bulk import acts
from refunds.states import BulkState, RowState

_RUN_OUT: Final = "Its approval has run out meanwhile: the list waits for another one before it goes on."


@dataclass(frozen=True, slots=True)
class Doing:
    """Who does it, for what reason, and what the page showed: the hash of the list."""

    bulk: BulkRefund
    user: User
    seen: str
    reason: str

    @property
    def actor(self) -> str:
        return because_of(self.user, "bulk").actor


@dataclass(frozen=True, slots=True)
class Act:
    """One act. states: in which it is offered. why_not: why this user cannot do it, empty where they can.

    act: does it, and returns words for the operator; raises BulkRefusedError. is_quiet: whether its button stands back.
    """

    slug: str
    label: str
    states: tuple[BulkState, ...]
    will: Callable[[BulkRefund, User], str]
    act: Callable[[Doing], str]
    why_not: Callable[[BulkRefund, User], str] = lambda _bulk, _user: ""
    permission: str = MAY_REQUEST
    is_dangerous: bool = False
    is_quiet: bool = False


def acts_for(bulk: BulkRefund, user: User) -> list[tuple[Act, str, str]]:
    """Return what `user` is offered now: each act, what it will do, and why it cannot be done."""
    offered = [act for act in ACTS.values() if bulk.state in act.states and user.has_perm(act.permission)]
    return [(act, act.will(bulk, user), act.why_not(bulk, user)) for act in offered]


def _is_own(bulk: BulkRefund, user: User) -> bool:
    return bulk.requested_by == because_of(user, "bulk").actor


def _will_start(bulk: BulkRefund, user: User) -> str:
    sums = acts.totals(bulk)
    count, money = sum(each.count for each in sums), " and ".join(str(each.money) for each in sums)
    what = f"{_payments(count)} refunded, {money} in all"
    if acts.needs_approval(sums, limits_of(user)):
        return f"{what}, once a second person has approved it: this is above what you may refund alone."
    return f"{what}, one after the other. Each row can fail for itself; the others go on. You can stop it at any time."


def _payments(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def _why_not_start(bulk: BulkRefund, user: User) -> str:
    if not _is_own(bulk, user):
        return "Only who made the list may start it. Make your own from the same file."
    return "" if acts.totals(bulk) else "No row of the list can be refunded."


def _start(doing: Doing) -> str:
    because = because_of(doing.user, "bulk")
    bulk = acts.start(doing.bulk.pk, because, seen=doing.seen, limits=limits_of(doing.user))
    if bulk.state == BulkState.AWAITING_APPROVAL:
        return "The list waits for a second person's approval. Nothing is refunded before that."
    return "The list is started. Reload the page to see how far it is."


def _approve(doing: Doing) -> str:
    acts.approve(doing.bulk.pk, because_of(doing.user, "bulk"), seen=doing.seen, words=doing.reason)
    return "The list is approved and started. Reload the page to see how far it is."


def _cancel(doing: Doing) -> str:
    acts.cancel(doing.bulk.pk, doing.reason)
    return "The list is canceled: nothing more of it is refunded."


def _stop(doing: Doing) -> str:
    acts.stop(doing.bulk.pk)
    return "The list is stopped. The row that was being worked on may still have been finished."


def _resume(doing: Doing) -> str:
    if acts.resume(doing.bulk.pk).state == BulkState.AWAITING_APPROVAL:
        return _RUN_OUT
    return "The list goes on with the rows that wait."


def _again(doing: Doing) -> str:
    count = acts.try_failed_again(doing.bulk.pk)
    if BulkRefund.objects.get(pk=doing.bulk.pk).state == BulkState.AWAITING_APPROVAL:
        return _RUN_OUT
    return f"{count:,} {'row has' if count == 1 else 'rows have'} another turn."


def _always(words: str) -> Callable[[BulkRefund, User], str]:
    return lambda _bulk, _user: words


def _nothing_failed(bulk: BulkRefund, _: User) -> str:
    return "" if bulk.rows.filter(state=RowState.FAILED).exists() else "No row has failed that could be tried again."


ACTS: Final[Mapping[str, Act]] = {
    act.slug: act
    for act in (
        Act(
            "start",
            "Start the refunds",
            (BulkState.CHECKED,),
            will=_will_start,
            why_not=_why_not_start,
            act=_start,
            is_dangerous=True,
        ),
        Act(
            "approve",
            "Approve and start",
            (BulkState.AWAITING_APPROVAL,),
            will=_always("All rows are refunded, exactly as they are listed here. The single refunds wait no more."),
            why_not=lambda bulk, user: (
                "Who asked for a refund may not approve it: ask somebody else." if _is_own(bulk, user) else ""
            ),
            act=_approve,
            permission=MAY_APPROVE,
            is_dangerous=True,
        ),
        Act(
            "stop",
            "Stop",
            (BulkState.RUNNING,),
            will=_always("No further row begins. What is refunded stays refunded. It can be resumed."),
            act=_stop,
        ),
        Act(
            "resume",
            "Resume",
            (BulkState.STOPPED,),
            will=_always(
                "It goes on with the rows that wait. No row is refunded twice. If its approval has run out meanwhile, "
                "it waits for another one first."
            ),
            act=_resume,
        ),
        Act(
            "again",
            "Try failed rows again",
            (BulkState.DONE,),
            will=_always(
                "The rows for which no refund could be requested have another turn. Refunds that failed at their "
                "gateway are not among them: those need a new list. If the list's approval has run out meanwhile, it "
                "waits for another one first."
            ),
            why_not=_nothing_failed,
            act=_again,
        ),
        Act(
            "cancel",
            "Cancel",
            acts.CAN_BE_CANCELED,
            will=_always(
                "Nothing more of this list is refunded, for good. What is refunded already stays refunded. This "
                "cannot be undone; the same file can be brought in again."
            ),
            act=_cancel,
            is_quiet=True,
        ),
    )
}
