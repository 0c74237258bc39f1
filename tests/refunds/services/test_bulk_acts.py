"""Starting, approving, stopping and canceling a bulk refund (requirement G4; invariant 7)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from payments.models import Client, Notice, Payment
from payments.services.settle import Settler
from refunds.models import BulkRefund, Refund
from refunds.services.bulk import acts
from refunds.services.bulk import row as row_turn
from refunds.services.bulk.acts import BulkRefusedError
from refunds.services.request import Requested, Wanted, request
from tests.payments.conftest import reload
from tests.refunds.conftest import NO_LIMIT, captured
from tests.refunds.services.bulks import ANNA, BERT, checked, now, started, states
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = {"USD": 10_000}
CARL = Because("operator:carl", "console:bulk")


@pytest.fixture
def payment(shop: Client, gateway: SandboxProcess, settler: Settler) -> Payment:
    return captured(shop, settler, amount=20_000)


def test_a_second_start_is_the_same_run(payment: Payment, settler: Settler) -> None:
    bulk = checked(f"{payment.pk},10.00")
    for _ in range(2):
        acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS)
        settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("done", 1)


@pytest.mark.parametrize(
    ("lines", "waits"),
    [
        (["{},100.00"], False),
        (["{},100.01"], True),
        (["{},50.00", "{},50.00"], False),
        (["{},50.00", "{},50.01"], True),
    ],
)
def test_a_row_or_a_sum_above_the_limit_waits_for_a_second_person(
    payment: Payment, settler: Settler, lines: list[str], waits: bool
) -> None:
    bulk = checked(*(line.format(payment.pk) for line in lines))
    state = acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS).state
    assert state == ("awaiting_approval" if waits else "running")
    settler.drain()
    assert Refund.objects.count() == (0 if waits else len(lines))


def test_a_currency_without_a_limit_waits(payment: Payment) -> None:
    bulk = checked(f"{payment.pk},0.01")
    assert acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits={"EUR": 100}).state == "awaiting_approval"


def test_an_approved_list_runs_and_its_refunds_wait_no_more(payment: Payment, settler: Settler) -> None:
    bulk = checked(f"{payment.pk},150.00")
    acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS)
    acts.approve(bulk.pk, BERT, seen=bulk.parameters_hash, words="agreed")
    settler.drain()
    refund = Refund.objects.get()
    assert (refund.state, refund.amount) == ("succeeded", 15_000)
    assert (refund.requested_by, refund.approved_by) == ("operator:anna", "operator:bert")
    assert refund.needs_approval
    row = now(bulk)
    assert (row.state, row.approved_by, row.decision) == ("done", "operator:bert", "agreed")


def test_nobody_approves_their_own_list(payment: Payment, settler: Settler) -> None:
    bulk = checked(f"{payment.pk},150.00")
    acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS)
    with pytest.raises(BulkRefusedError):
        acts.approve(bulk.pk, ANNA, seen=bulk.parameters_hash)
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("awaiting_approval", 0)


def test_the_database_itself_lets_nobody_approve_their_own_list(payment: Payment) -> None:
    bulk = checked(f"{payment.pk},150.00")
    acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS)
    rows: Any = BulkRefund.objects.filter(pk=bulk.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(state="running", approved_by="operator:anna")
    assert now(bulk).state == "awaiting_approval"


def test_only_who_made_the_list_starts_it(payment: Payment) -> None:
    bulk = checked(f"{payment.pk},1.00")
    with pytest.raises(BulkRefusedError):
        acts.start(bulk.pk, BERT, seen=bulk.parameters_hash, limits=NO_LIMIT)
    assert now(bulk).state == "checked"


def test_rows_that_were_changed_are_neither_started_nor_approved(payment: Payment, settler: Settler) -> None:
    bulk = checked(f"{payment.pk},150.00")
    bulk.rows.update(amount=15_001)
    with pytest.raises(BulkRefusedError):
        acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=NO_LIMIT)
    bulk.rows.update(amount=15_000)
    acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS)
    bulk.rows.update(amount=15_001)
    with pytest.raises(BulkRefusedError):
        acts.approve(bulk.pk, BERT, seen=bulk.parameters_hash)
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("awaiting_approval", 0)


def test_another_list_than_the_one_seen_is_not_started(payment: Payment) -> None:
    bulk = checked(f"{payment.pk},1.00")
    with pytest.raises(BulkRefusedError):
        acts.start(bulk.pk, ANNA, seen=checked(f"{payment.pk},1.01").parameters_hash, limits=NO_LIMIT)
    assert now(bulk).state == "checked"


def test_an_approval_that_nobody_gave_lapses(payment: Payment, settler: Settler) -> None:
    bulk = checked(f"{payment.pk},150.00")
    acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS)
    settler.drain()
    assert now(bulk).state == "awaiting_approval"
    BulkRefund.objects.filter(pk=bulk.pk).update(due_at=Now() - timedelta(seconds=1))
    with pytest.raises(BulkRefusedError):
        acts.approve(bulk.pk, BERT, seen=bulk.parameters_hash)
    settler.drain()
    row = now(bulk)
    assert (row.state, row.decision, row.due_at) == ("canceled", "Nobody approved it in time.", None)
    assert (Refund.objects.count(), reload(payment).refund_reserved) == (0, 0)


def test_a_canceled_list_is_never_started(payment: Payment, settler: Settler) -> None:
    bulk = checked(f"{payment.pk},1.00")
    acts.cancel(bulk.pk, "wrong file")
    with pytest.raises(BulkRefusedError):
        acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=NO_LIMIT)
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("canceled", 0)


def test_a_list_without_a_row_that_can_be_refunded_is_not_started(payment: Payment) -> None:
    bulk = checked("order-9")
    with pytest.raises(BulkRefusedError):
        acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=NO_LIMIT)
    assert now(bulk).state == "checked"


def test_a_stopped_list_begins_no_row_until_it_is_resumed(payment: Payment, settler: Settler) -> None:
    bulk = started(f"{payment.pk},1.00", f"{payment.pk},2.00")
    acts.stop(bulk.pk)
    settler.drain()
    assert (now(bulk).state, states(bulk), Refund.objects.count()) == ("stopped", ["waiting", "waiting"], 0)
    acts.resume(bulk.pk)
    settler.drain()
    assert (now(bulk).state, states(bulk)) == ("done", ["refunded", "refunded"])
    assert reload(payment).refunded == 300


@pytest.mark.parametrize("act", [acts.stop, acts.resume, acts.try_failed_again])
def test_what_does_not_fit_the_state_is_refused(payment: Payment, act: Any) -> None:
    bulk = checked(f"{payment.pk},1.00")
    with pytest.raises(BulkRefusedError):
        act(bulk.pk)
    assert now(bulk).state == "checked"


def test_a_list_that_was_stopped_longer_than_its_approval_holds_waits_for_another(
    payment: Payment, settler: Settler
) -> None:
    bulk = approved(f"{payment.pk},150.00")
    acts.stop(bulk.pk)
    approved_before(bulk, hours=72)
    acts.resume(bulk.pk)
    settler.drain()
    row = now(bulk)
    assert (row.state, row.approved_by, row.approved_at, row.claimed_until) == ("awaiting_approval", "", None, None)
    assert row.decision.startswith("The approval by operator:bert of ")
    assert row.due_at is not None
    assert 71 < (row.due_at - database_now()).total_seconds() / 3600 <= 72
    assert (states(bulk), Refund.objects.count(), reload(payment).refund_reserved) == (["waiting"], 0, 0)
    with pytest.raises(BulkRefusedError):
        acts.approve(bulk.pk, ANNA, seen=bulk.parameters_hash)
    acts.approve(bulk.pk, CARL, seen=bulk.parameters_hash, words="still right")
    settler.drain()
    row = now(bulk)
    assert (row.state, row.approved_by, row.decision) == ("done", "operator:carl", "still right")
    assert Refund.objects.get().approved_by == "operator:carl"


def test_a_list_that_is_resumed_while_its_approval_holds_goes_on(payment: Payment, settler: Settler) -> None:
    bulk = approved(f"{payment.pk},150.00")
    acts.stop(bulk.pk)
    approved_before(bulk, hours=71)
    acts.resume(bulk.pk)
    settler.drain()
    assert (now(bulk).state, Refund.objects.get().approved_by) == ("done", "operator:bert")


def test_rows_that_are_tried_again_after_the_approval_has_run_out_wait_for_another(
    payment: Payment, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk = approved(f"{payment.pk},50.00", f"{payment.pk},60.00")
    with monkeypatch.context() as broken:
        broken.setattr(row_turn, "request", _failing_for(6000))
        settler.drain()
    assert states(bulk) == ["refunded", "failed"]
    approved_before(bulk, hours=72)
    assert acts.try_failed_again(bulk.pk) == 1
    settler.drain()
    assert (now(bulk).state, now(bulk).finished_at) == ("awaiting_approval", None)
    assert (states(bulk), Refund.objects.count()) == (["refunded", "waiting"], 1)
    BulkRefund.objects.filter(pk=bulk.pk).update(due_at=Now() - timedelta(seconds=1))
    settler.drain()
    assert (now(bulk).state, now(bulk).decision) == ("canceled", "Nobody approved it in time.")
    assert (states(bulk), Refund.objects.count()) == (["refunded", "waiting"], 1)


def test_a_list_that_an_outage_held_up_longer_than_its_approval_holds_waits_for_another(
    payment: Payment, settler: Settler
) -> None:
    bulk = approved(f"{payment.pk},150.00")
    approved_before(bulk, hours=72)
    settler.drain()
    row = now(bulk)
    assert (row.state, row.approved_by, row.claimed_until) == ("awaiting_approval", "", None)
    assert (states(bulk), Refund.objects.count()) == (["waiting"], 0)


def test_a_list_that_needed_no_approval_is_resumed_at_any_time(payment: Payment, settler: Settler) -> None:
    bulk = started(f"{payment.pk},1.00")
    acts.stop(bulk.pk)
    BulkRefund.objects.filter(pk=bulk.pk).update(started_at=Now() - timedelta(days=40))
    acts.resume(bulk.pk)
    settler.drain()
    assert (now(bulk).state, states(bulk)) == ("done", ["refunded"])


def approved(*lines: str) -> BulkRefund:
    """Return a list of Anna's that Bert has approved this moment, and of which no row had its turn yet."""
    bulk = checked(*lines)
    acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS)
    return acts.approve(bulk.pk, BERT, seen=bulk.parameters_hash, words="agreed")


def _failing_for(amount: int) -> Any:
    def failing(wanted: Wanted, because: Because) -> Requested:
        if wanted.amount == amount:
            raise RuntimeError("a fault of the machine")
        return request(wanted, because)

    return failing


def approved_before(bulk: BulkRefund, hours: int) -> None:
    BulkRefund.objects.filter(pk=bulk.pk).update(approved_at=Now() - timedelta(hours=hours))


def test_the_team_is_told_of_a_list_that_waits(payment: Payment, settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@shop.test"]
    bulk = checked(f"{payment.pk},100.01")
    acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=LIMITS)
    notice = Notice.objects.get(kind="refund_to_approve")
    assert notice.path == f"/admin/refunds/bulkrefund/{bulk.pk}/change/"
