"""Reading a gateway's own list of refunds: what of ours it tells that we do not know, and how far it was read."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments import crash_points
from payments.clock import database_now
from payments.gateways.after_capture import ListedRefund, RefundListing
from payments.gateways.base import Kind, Outcome
from payments.models import Circuit, Client, LedgerPosting
from payments.reliability import calls
from payments.services import errands
from payments.services.settle import Settler
from refunds.models import Refund, RefundWatch
from refunds.services import watch
from refunds.services.compare import compare
from tests.payments.conftest import BECAUSE
from tests.payments.services.conftest import Gateways
from tests.refunds.conftest import again, captured, requested
from tests.refunds.gateway_telling import count_calls, later
from tests.refunds.journey import Journey
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def journey(shop: Client, gateway: SandboxProcess, settler: Settler) -> Journey:
    watch.begin_watching()
    return Journey(gateway, settler, captured(shop, settler))


def listed(refund: Refund, kind: Kind = Kind.SUCCEEDED, **changes: Any) -> ListedRefund:
    """Return `refund` as its gateway would list it."""
    values = {
        "reference": refund.gateway_reference or "re_1",
        "key": refund.pk,
        "charge": refund.charge.gateway_reference,
        "payment_id": refund.payment_id,
        "amount": refund.amount,
        "currency": refund.currency,
        "live": False,
        "created": 1_790_000_000,
        "outcome": Outcome(kind, kind, reference=changes.get("reference", refund.gateway_reference or "re_1")),
        **changes,
    }
    return ListedRefund(**values)


def read(*refunds: ListedRefund) -> list[ListedRefund]:
    """Compare a list that was read this moment; return what is to be read again."""
    return compare("primary", refunds, BECAUSE, database_now())


def test_the_list_is_read_a_minute_after_the_first_loop_and_then_every_minute(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = count_calls(monkeypatch)
    journey.settler.drain()
    assert counted == {}
    for readings in (1, 2):
        advance(61)
        journey.settler.drain()
        assert counted == {"refunds_since": readings}
    row = RefundWatch.objects.get()
    assert (row.trouble, row.claimed_until, row.answered_at is not None) == ("", None, True)


def test_every_settle_loop_makes_sure_that_the_gateways_are_watched(gateway: SandboxProcess, db: None) -> None:
    for _ in range(2):
        errands.begin()
    (row,) = RefundWatch.objects.all()
    assert row.gateway == "primary"
    assert 55 < (row.due_at - database_now()).total_seconds() <= 60


def test_a_healthy_refund_is_known_and_changes_nothing(journey: Journey) -> None:
    refund = journey.refund()
    later(journey.settler, 61)
    after = again(refund)
    assert (after.updated_at, after.fence) == (refund.updated_at, refund.fence)
    assert journey.gave_back_once()


def test_a_refund_whose_answer_was_lost_is_found_in_the_list(journey: Journey) -> None:
    journey.gateway.arm("execute_then_close", operation="refund", count=1)
    refund = journey.refund()
    assert refund.state == "unknown"
    Refund.objects.update(due_at=Now() + timedelta(days=1))
    later(journey.settler, 61)
    assert journey.gave_back_once()


def test_a_refund_that_came_back_is_found_in_the_list(journey: Journey) -> None:
    refund = journey.refund()
    journey.gateway.control(f"refunds/{refund.gateway_reference}/fail", code="account_closed")
    later(journey.settler, 61)
    assert (again(refund).state, journey.money(), journey.booked()) == ("failed", (0, 0), 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": 3001}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"charge": "ch_other"}, "charge"),
        ({"live": True}, "mode (test or live)"),
    ],
)
def test_a_refund_that_does_not_fit_ours_is_not_believed(journey: Journey, changes: dict[str, Any], words: str) -> None:
    journey.gateway.arm("close_without_executing", operation="refund", count=1)
    refund = journey.refund()
    assert refund.state == "unknown"
    assert read(listed(refund, **changes)) == []
    assert (again(refund).state, journey.money(), journey.booked()) == ("unknown", (3000, 0), 0)
    assert journey.tasks() == ["refund_mismatch"]
    (detail,) = journey.payment.operator_tasks.values_list("detail", flat=True)
    assert f"It has another {words} than our refund {refund.pk} of 30.00 USD." in detail
    journey.payment.operator_tasks.update(closed_at=Now())
    read(listed(refund, **changes))
    assert journey.tasks() == []


def test_a_refund_whose_own_answer_is_under_way_is_read_again(journey: Journey) -> None:
    refund = requested(journey.payment, 3000)
    Refund.objects.filter(pk=refund.pk).update(claimed_until=Now() + timedelta(seconds=20))
    one = listed(refund)
    assert read(one) == [one]
    assert again(refund).state == "requested"


def test_a_list_that_was_read_before_we_heard_otherwise_is_not_believed(journey: Journey) -> None:
    refund = journey.refund()
    asked_at = database_now()
    journey.gateway.control(f"refunds/{refund.gateway_reference}/fail", code="account_closed")
    Refund.objects.update(due_at=Now())
    journey.settler.drain()
    old = listed(again(refund))
    assert again(refund).state == "failed"
    assert compare("primary", [old], BECAUSE, asked_at) == [old]
    assert (again(refund).state, journey.tasks()) == ("failed", ["refund_failed"])


def test_a_word_that_we_do_not_know_is_read_again(journey: Journey) -> None:
    refund = journey.refund()
    one = listed(refund, Kind.UNKNOWN)
    assert read(one) == [one]
    assert again(refund).state == "succeeded"


def seen(refunds: list[int], waits: list[int], before: int | None) -> int | None:
    """Return up to when all is compared, for refunds made at these seconds."""
    refund = Refund(id="rf_1", payment_id="pay_1", amount=1, currency="USD")
    refund._state.fields_cache["charge"] = type("Charge", (), {"gateway_reference": "ch_1"})()
    made = {second: listed(refund, created=second) for second in {*refunds, *waits}}
    return watch._seen_until([made[second] for second in refunds], [made[second] for second in waits], before)


def test_what_was_compared_is_not_read_again_and_what_waits_is() -> None:
    assert seen([], [], None) is None
    assert seen([], [], 100) == 100
    assert seen([300, 200], [], 100) == 300
    assert seen([300, 200], [200], 100) == 200
    assert seen([300, 98], [98], 100) == 100
    assert seen([8 * 86_400, 5], [5], 0) == 86_400


def test_a_list_that_cannot_be_read_is_read_again_soon_and_from_the_same_place(journey: Journey) -> None:
    later(journey.settler, 61)
    before = RefundWatch.objects.get().seen_until
    charge = journey.gateway.charges(reference=journey.payment.pk)[0]
    journey.gateway.control("refunds", charge=charge["id"], amount=2500)
    journey.gateway.arm("status", operation="list", params={"status": 500})
    later(journey.settler, 61)
    row = RefundWatch.objects.get()
    assert (row.seen_until, row.trouble, Refund.objects.count()) == (before, "status_500", 0)
    journey.gateway.clear_faults()
    later(journey.settler, watch.AGAIN + 1)
    assert (RefundWatch.objects.get().trouble, Refund.objects.count()) == ("", 1)


def test_while_the_breaker_of_lists_is_open_nothing_is_read(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    Circuit.objects.create(
        gateway="primary", operation="list", state="open", opened_at=Now(), try_at=Now() + timedelta(hours=1)
    )
    counted = count_calls(monkeypatch)
    later(journey.settler, 61)
    assert counted == {}
    assert RefundWatch.objects.get().due_at > database_now() + timedelta(minutes=50)


def test_a_gateway_that_left_the_settings_is_not_read(
    shop: Client, gateways: Gateways, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.begin_watching()
    gateways.remove("secondary")
    counted = count_calls(monkeypatch)
    advance(61)
    settler.drain()
    assert (counted, RefundWatch.objects.count()) == ({"refunds_since": 1}, 2)


def test_whoever_was_taken_over_does_not_say_how_far_it_compared(journey: Journey) -> None:
    advance(61)
    (ask,) = watch.claim(BECAUSE, 1)
    write = ask()
    RefundWatch.objects.update(fence=7)
    write()
    assert RefundWatch.objects.get().answered_at is None


class _DiedError(Exception):
    """The process ended here."""


@pytest.mark.parametrize("point", ["refund_watch.begin", "refund_watch.answered", "refund_watch.committed"])
def test_a_worker_that_dies_on_the_way_leaves_a_list_that_is_read_again(journey: Journey, point: str) -> None:
    charge = journey.gateway.charges(reference=journey.payment.pk)[0]
    journey.gateway.control("refunds", charge=charge["id"], amount=2500)
    advance(61)

    def die(reached: str) -> None:
        if reached == point:
            raise _DiedError

    (ask,) = watch.claim(BECAUSE, 1)
    crash_points.arm(die)
    try:
        with pytest.raises(_DiedError):
            ask()()
    finally:
        crash_points.arm(None)
    later(journey.settler, 30)
    later(journey.settler, 61)
    assert (Refund.objects.count(), journey.money()) == (1, (2500, 2500))
    assert LedgerPosting.objects.filter(debit="refunds").count() == 1


def test_an_empty_list_is_no_trouble(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "refunds_since", lambda *_, **__: RefundListing(()))
    later(journey.settler, 61)
    assert RefundWatch.objects.get().trouble == ""


def test_a_waiting_refund_holds_the_reading_back_for_so_many_refunds_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "HELD", 2)
    assert seen([4000, 3000, 2000], [2000], 100) == 2000
    assert seen([5000, 4000, 3000, 2000], [2000], 100) == 3000
    # However many: for five minutes it is read again.
    assert seen([5000, 4999, 4998, 4750], [4750], 100) == 4750
    assert seen([5000, 4999, 4998, 4690], [4690], 100) == 4700


def test_a_refund_that_is_no_more_waited_for_is_given_to_people_once(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HELD", 1)
    refund = journey.refund()
    old = listed(refund, Kind.UNKNOWN, created=1_790_000_000)
    newer = [listed(refund, created=1_790_000_000 + seconds) for seconds in (600, 30)]
    later(journey.settler, 61)
    RefundWatch.objects.update(seen_until=1_789_999_999)
    row = RefundWatch.objects.get()
    watch.heard(row, RefundListing((newer[1], old)), BECAUSE, database_now())
    assert (RefundWatch.objects.get().seen_until, journey.tasks()) == (1_790_000_000, [])
    for _ in range(2):
        watch.heard(row, RefundListing((*newer, old)), BECAUSE, database_now())
    assert RefundWatch.objects.get().seen_until == 1_790_000_030
    (detail,) = journey.payment.operator_tasks.values_list("detail", flat=True)
    assert detail == (
        f"primary has refund {old.reference} of 30.00 USD: It could not be judged or stored for long, and is not read "
        "again. Compare it with ours by hand."
    )
    assert again(refund).state == "succeeded"


def test_a_refund_that_waits_for_less_than_the_limits_is_no_question(journey: Journey) -> None:
    refund = journey.refund()
    later(journey.settler, 61)
    RefundWatch.objects.update(seen_until=1_789_999_999)
    newer = [listed(refund, created=1_790_000_000 + seconds) for seconds in range(90, 0, -1)]
    one = listed(refund, Kind.UNKNOWN)
    watch.heard(RefundWatch.objects.get(), RefundListing((*newer, one)), BECAUSE, database_now())
    assert (journey.tasks(), RefundWatch.objects.get().seen_until) == ([], 1_790_000_000)
