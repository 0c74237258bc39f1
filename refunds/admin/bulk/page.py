"""What the page of one bulk refund shows, read with a number of statements that does not depend on its length."""

from typing import Any, Final

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.paginator import Paginator
from django.db.models import Case, Count, F, Sum, Value, When

from payments.admin.formats import utc
from payments.clock import database_now
from payments.money import Money
from refunds.admin.bulk.acts import acts_for
from refunds.admin.bulk.rows import CHOICES, rows_of, shown
from refunds.admin.may import limits_of
from refunds.models import BulkRefund
from refunds.services.bulk.acts import needs_approval, totals
from refunds.services.bulk.work import ROWS
from refunds.states import BulkState, RefundState, RowState

COLOURS: Final[dict[str, str]] = {
    BulkState.CHECKED: "info",
    BulkState.AWAITING_APPROVAL: "warning",
    BulkState.RUNNING: "info",
    BulkState.STOPPED: "warning",
    BulkState.DONE: "success",
    BulkState.CANCELED: "default",
}
_ON_A_PAGE: Final = 100


def page(bulk: BulkRefund, user: User, show: str, number: str) -> dict[str, Any]:
    """Return the template's context. show: which rows; number: of their page, as the address says."""
    rows = rows_of(bulk)
    choice = next((each for each in CHOICES if each.slug == show), CHOICES[0])
    counts = [(each, each.rows(rows).count()) for each in CHOICES]
    count_of = {each.slug: count for each, count in counts}
    leaf = Paginator(choice.rows(rows), _ON_A_PAGE).get_page(number)
    return {
        "bulk": bulk,
        "state": bulk.get_state_display(),
        "colour": COLOURS[bulk.state],
        "now": database_now(),
        "next": _next(bulk, user),
        "facts": _facts(bulk),
        "sums": _sums(bulk),
        "whys": _whys(bulk),
        "acts": acts_for(bulk, user),
        "choice": choice,
        "choices": [(each, count) for each, count in counts if count or each is choice],
        "ended_badly": count_of["ended"],
        "careful": count_of["careful"],
        "leaf": leaf,
        "rows": [shown(row) for row in leaf],
        "history": _history(bulk),
    }


def _next(bulk: BulkRefund, user: User) -> str:
    """Return what happens next, by itself or by somebody."""
    if bulk.state == BulkState.CHECKED:
        sums = totals(bulk)
        alone = " It is above what you may refund alone: a second person must approve the whole list."
        above = alone if sums and needs_approval(sums, limits_of(user)) else ""
        return f"This was a dry run: nothing is reserved and nothing is refunded. Look at the rows, then start.{above}"
    count = bulk.rows.filter(state=RowState.WAITING).count()
    waiting = "1 row waits" if count == 1 else f"{count:,} rows wait"
    return {
        BulkState.AWAITING_APPROVAL: f"A second person approves or cancels it. At {utc(bulk.due_at)} it lapses.",
        BulkState.RUNNING: f"{waiting}; up to {ROWS} have their turn each second. Reload to see.",
        BulkState.STOPPED: f"Nothing, until somebody resumes it: {waiting}.",
        BulkState.DONE: "Every row had its turn. Refunds that are not over are followed to their end by themselves.",
        BulkState.CANCELED: "Nothing. What was refunded before stays refunded.",
    }[BulkState(bulk.state)]


def _facts(bulk: BulkRefund) -> list[tuple[str, str]]:
    return [
        (name, text)
        for name, text in (
            ("Reason", bulk.get_reason_display()),
            ("Note", bulk.note),
            ("Made by", bulk.requested_by),
            ("Checked", utc(bulk.created_at)),
            ("Started", utc(bulk.started_at) if bulk.started_at else ""),
            ("Approved by", f"{bulk.approved_by}, {utc(bulk.approved_at)}" if bulk.approved_by else ""),
            ("Decision", bulk.decision),
            ("Ended", utc(bulk.finished_at) if bulk.finished_at else ""),
        )
        if text
    ]


def _sums(bulk: BulkRefund) -> list[tuple[str, str, int]]:
    """Return (money, what became of it, how many rows): the refund's own state where there is one.

    Rows without an amount, whatever their currency, come last and together.
    """
    counted = Case(When(amount=None, then=Value("")), default=F("currency"))
    groups = bulk.rows.annotate(counted=counted).values("counted", "state", "refund__state")
    sums = groups.annotate(count=Count("pk"), total=Sum("amount")).order_by("counted", "state", "refund__state")
    of_refund, of_row = dict(RefundState.choices), dict(RowState.choices)
    return [
        (
            str(Money(group["total"], group["counted"])) if group["counted"] else "—",
            str(of_refund.get(group["refund__state"]) or of_row[group["state"]]),
            group["count"],
        )
        for group in sorted(sums, key=lambda group: not group["counted"])
    ]


def _whys(bulk: BulkRefund) -> list[tuple[str, int]]:
    """Return the commonest reasons why rows were refused or failed, and how often."""
    bad = bulk.rows.filter(state__in=(RowState.REFUSED, RowState.FAILED)).order_by().values("message")
    found = bad.annotate(count=Count("pk")).order_by("-count", "message")[:10]
    return [(group["message"], group["count"]) for group in found]


def _history(bulk: BulkRefund) -> list[tuple[str, str, str]]:
    kind = ContentType.objects.get_for_model(BulkRefund)
    entries = LogEntry.objects.filter(content_type=kind, object_id=bulk.pk).select_related("user").order_by("-pk")[:50]
    return [(utc(each.action_time), each.user.get_username(), each.get_change_message()) for each in entries]
