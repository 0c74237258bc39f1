"""Working off a bulk refund: past rows that fail, and through the death of workers (requirements C1, D2)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.clock import database_now
from payments.crash_points import arm
from payments.models import Client, Payment
from payments.services.settle import Settler
from refunds.models import BulkRefund, BulkRefundRow, Refund
from refunds.services.bulk import acts, work
from refunds.services.request import Requested, Wanted, request
from tests.payments.conftest import BECAUSE, reload
from tests.refunds.conftest import captured, requested
from tests.refunds.services.bulks import messages, now, started, states
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """The worker dies here: nothing catches it."""


@pytest.fixture(autouse=True)
def _nothing_is_armed_and_a_slow_machine_cuts_no_turn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(work, "TURN_SECONDS", 60.0)
    yield
    arm(None)


@pytest.fixture
def payment(shop: Client, gateway: SandboxProcess, settler: Settler) -> Payment:
    return captured(shop, settler)


def kill_at(point: str, nth: int) -> None:
    """Let whoever comes to `point` for the `nth` time die, once."""
    left = [nth]

    def reached(name: str) -> None:
        left[0] -= name == point
        if name == point and left[0] == 0:
            raise Killed

    arm(reached)


def lease_is_over(bulk: BulkRefund) -> None:
    BulkRefund.objects.filter(pk=bulk.pk).update(due_at=Now() - timedelta(seconds=1))


def test_every_row_becomes_a_refund_of_its_own(payment: Payment, gateway: SandboxProcess, settler: Settler) -> None:
    bulk = started(f"{payment.pk},30.00", f"{payment.pk},30.00", "order-1")
    settler.drain()
    assert (now(bulk).state, states(bulk)) == ("done", ["refunded"] * 3)
    refunds = Refund.objects.order_by("bulk_row__number")
    assert [(each.amount, each.state, each.origin) for each in refunds] == [
        (3000, "succeeded", "bulk"),
        (3000, "succeeded", "bulk"),
        (4000, "succeeded", "bulk"),
    ]
    assert {(each.requested_by, each.reason, each.note) for each in refunds} == {
        ("operator:anna", "customer_request", "after the outage")
    }
    assert sorted(made["amount"] for made in gateway.refunds(reference=payment.pk)) == [3000, 3000, 4000]
    assert reload(payment).refunded == 10_000


def test_a_row_that_fails_holds_up_no_other(shop: Client, payment: Payment, settler: Settler) -> None:
    other = captured(shop, settler, "order-2-pay", order="order-2")
    bulk = started(f"{payment.pk},60.00", f"{other.pk},10.00")
    requested(payment, 5000)
    settler.drain()
    assert (now(bulk).state, states(bulk)) == ("done", ["failed", "refunded"])
    assert messages(bulk) == ["At most 50.00 USD of 100.00 USD can still be refunded.", ""]
    assert (reload(payment).refunded, reload(other).refunded) == (5000, 1000)


def test_a_defect_in_one_row_holds_up_no_other(
    shop: Client, payment: Payment, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = captured(shop, settler, "order-2-pay", order="order-2")
    bulk = started(f"{payment.pk},60.00", f"{other.pk},10.00")

    def broken(wanted: Wanted, *more: object) -> Requested:
        if wanted.payment_id == payment.pk:
            raise ZeroDivisionError
        return request(wanted, *more)  # type: ignore[arg-type]

    monkeypatch.setattr("refunds.services.bulk.row.request", broken)
    settler.drain()
    assert (now(bulk).state, states(bulk)) == ("done", ["failed", "refunded"])
    assert reload(payment).refund_reserved == 0

    monkeypatch.undo()
    assert acts.try_failed_again(bulk.pk) == 1
    settler.drain()
    assert (now(bulk).state, states(bulk), messages(bulk)) == ("done", ["refunded", "refunded"], ["", ""])
    assert (reload(payment).refunded, Refund.objects.count()) == (6000, 2)


def test_a_defect_after_the_refund_was_written_finds_it(
    payment: Payment, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk = started(f"{payment.pk},60.00")

    def broken(*given: object) -> Requested:
        request(*given)  # type: ignore[arg-type]
        raise ZeroDivisionError

    monkeypatch.setattr("refunds.services.bulk.row.request", broken)
    settler.drain()
    assert (states(bulk), Refund.objects.count(), reload(payment).refunded) == (["refunded"], 1, 6000)


@pytest.mark.parametrize("point", ["refund.reserving", "refund.reserved", "bulk_refund.row", "bulk_refund.committed"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_worker_that_dies_leaves_one_refund_for_each_row(
    payment: Payment, gateway: SandboxProcess, settler: Settler, point: str, nth: int
) -> None:
    bulk = started(f"{payment.pk},10.00", f"{payment.pk},10.00", f"{payment.pk},20.00")
    kill_at(point, nth)
    with pytest.raises(Killed):
        work.claim(BECAUSE, 0)
    assert now(bulk).state == "running"
    # Nobody takes it up while the dead worker's lease holds.
    work.claim(BECAUSE, 0)
    made = Refund.objects.count()
    assert made < 3 or nth == 3
    lease_is_over(bulk)
    settler.drain()
    assert (now(bulk).state, states(bulk)) == ("done", ["refunded"] * 3)
    assert sorted(each["amount"] for each in gateway.refunds(reference=payment.pk)) == [1000, 1000, 2000]
    assert (Refund.objects.count(), reload(payment).refunded) == (3, 4000)


def test_a_worker_that_was_thought_dead_begins_no_further_row(payment: Payment, settler: Settler) -> None:
    bulk = started(f"{payment.pk},10.00", f"{payment.pk},20.00")

    def taken_over(name: str) -> None:
        if name == "bulk_refund.row":
            arm(None)
            lease_is_over(bulk)
            work.claim(BECAUSE, 0)

    arm(taken_over)
    work.claim(BECAUSE, 0)
    assert (now(bulk).state, states(bulk), now(bulk).fence) == ("done", ["refunded"] * 2, 2)
    assert (Refund.objects.count(), reload(payment).refund_reserved) == (2, 3000)


def test_a_stop_takes_effect_between_two_rows(payment: Payment) -> None:
    bulk = started(f"{payment.pk},10.00", f"{payment.pk},20.00", f"{payment.pk},30.00")

    def stopped(name: str) -> None:
        if name == "bulk_refund.committed":
            arm(None)
            acts.stop(bulk.pk)

    arm(stopped)
    work.claim(BECAUSE, 0)
    assert (now(bulk).state, states(bulk)) == ("stopped", ["refunded", "waiting", "waiting"])
    assert reload(payment).refund_reserved == 1000


def test_a_turn_is_short_and_the_list_is_due_again_at_once(payment: Payment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ROWS", 2)
    bulk = started(*[f"{payment.pk},1.0{number}" for number in range(5)])
    turns = 0
    while work.anything_due():
        work.claim(BECAUSE, 0)
        turns += 1
        assert Refund.objects.count() <= 2 * turns
    assert (turns, now(bulk).state) == (3, "done")


def test_a_turn_ends_after_its_time_and_not_before_one_row(payment: Payment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "TURN_SECONDS", 0.0)
    bulk = started(f"{payment.pk},1.00", f"{payment.pk},2.00")
    work.claim(BECAUSE, 0)
    assert (now(bulk).state, states(bulk)) == ("running", ["refunded", "waiting"])
    work.claim(BECAUSE, 0)
    assert (now(bulk).state, states(bulk)) == ("done", ["refunded", "refunded"])


def test_lists_take_turns(payment: Payment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "ROWS", 1)
    first = started(f"{payment.pk},1.00", f"{payment.pk},2.00")
    second = started(f"{payment.pk},3.00", f"{payment.pk},4.00")
    for _ in range(2):
        work.claim(BECAUSE, 0)
    assert (states(first), states(second)) == (["refunded", "waiting"], ["refunded", "waiting"])


def test_a_refund_that_fails_at_its_gateway_is_not_tried_again_by_its_row(
    payment: Payment, gateway: SandboxProcess, settler: Settler
) -> None:
    bulk = started(f"{payment.pk},10.00")
    work.claim(BECAUSE, 0)
    refund = Refund.objects.get()
    refund.process(at=None)
    refund.save(update_fields=["state", "due_at"])
    refund.fail(code="card_closed", now=database_now())
    refund.save(update_fields=["state", "error_code", "due_at", "finished_at"])
    assert states(bulk) == ["refunded"]
    with pytest.raises(acts.BulkRefusedError):
        acts.try_failed_again(bulk.pk)
    settler.drain()
    assert (Refund.objects.count(), BulkRefundRow.objects.get().refund_id) == (1, refund.pk)
