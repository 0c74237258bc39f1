"""Claiming refunds: written down before anything is sent, asked again whether it may be, each by one worker alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Circuit, Client, Payment
from payments.reliability import budget, proof
from payments.reliability.gateways import capabilities_of
from payments.services.claim import lease
from refunds.models import Refund, RefundAttempt
from refunds.services import change
from refunds.services import claim as claim_module
from refunds.services.claim import Step, anything_due, claim
from refunds.services.locks import locked_due
from refunds.services.request import RefundRefusedError
from tests.payments.conftest import BECAUSE
from tests.refunds.conftest import requested
from tests.refunds.rows import counters, disputed, paid, written
from tests.refunds.telling import asked, claimed, claimed_again, last, sent, states, told

pytestmark = pytest.mark.django_db


def test_an_attempt_is_committed_as_sent_before_anything_leaves(shop: Client) -> None:
    refund = requested(paid(shop), 3000)
    before = database_now()
    [work] = claimed()
    row = Refund.objects.get()
    assert (work.step, list(work.granted), states(refund)) == (Step.SEND, ["refund"], ["processing", "sent"])
    assert (row.fence, row.due_at, row.claimed_until) == (1, row.claimed_until, row.due_at)
    assert row.due_at is not None
    assert timedelta(0) <= row.due_at - before - lease() <= timedelta(seconds=5)
    assert last(refund).sends == 1


def test_what_is_claimed_is_not_due(shop: Client) -> None:
    sent(shop)
    assert (anything_due(), claimed()) == (False, [])


def test_no_more_are_claimed_than_there_is_room_for(shop: Client) -> None:
    payment = paid(shop)
    for number in range(5):
        requested(payment, 100, f"refund-{number}")
    assert [len(claim(BECAUSE, room)) for room in (0, -1, 2, 2, 2)] == [0, 0, 2, 2, 1]
    assert RefundAttempt.objects.count() == 5


def test_two_refunds_of_one_payment_are_claimed_together_and_each_has_its_events(shop: Client) -> None:
    payment = paid(shop)
    first, second = requested(payment, 100), requested(payment, 200, "refund-2")
    assert sorted(work.refund.pk for work in claimed()) == sorted([first.pk, second.pk])
    for refund in (first, second):
        told(refund, Kind.SUCCEEDED, reference=f"re_{refund.pk}")
    assert counters(payment) == (300, 300)


def test_a_request_for_approval_lapses(shop: Client) -> None:
    payment = paid(shop)
    refund = requested(payment, 3000, limits={"USD": 100})
    assert (refund.state, claimed(), counters(payment)) == ("awaiting_approval", [], (3000, 0))
    assert claimed_again(refund) == []
    row = Refund.objects.get()
    assert (row.state, row.error_code, row.due_at) == ("rejected", "approval_lapsed", None)
    assert (counters(payment), RefundAttempt.objects.count()) == ((0, 0), 0)


def test_an_open_circuit_postpones_a_refund_and_writes_no_attempt(shop: Client) -> None:
    refund = requested(paid(shop), 3000)
    now = database_now()
    Circuit.objects.update_or_create(
        gateway="primary",
        operation="refund",
        defaults={"state": "open", "opened_at": now, "try_at": now + timedelta(minutes=5), "changed_at": now},
    )
    assert claimed() == []
    row = Refund.objects.get()
    assert (states(refund), row.claimed_until) == (["requested"], None)
    assert row.due_at is not None
    assert row.due_at > now


def test_no_allowance_means_looking_and_not_sending_again(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    monkeypatch.setattr(budget, "draw_retries", lambda *_: 0)
    assert [list(work.granted) for work in claimed_again(refund)] == [["look_up"]]
    assert last(refund).sends == 1


def test_sending_again_is_counted_before_it_happens(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    assert [sorted(work.granted) for work in claimed_again(refund)] == [["look_up", "refund"]]
    assert last(refund).sends == 2


@pytest.mark.parametrize(
    ("ago", "reason", "expected"),
    [
        (timedelta(hours=22, minutes=59), "read_timeout", ["look_up", "refund"]),
        (timedelta(hours=23, minutes=1), "read_timeout", ["look_up"]),
        (timedelta(0), "server_error_replayed", None),
    ],
)
def test_a_key_is_sent_again_only_within_its_life(
    shop: Client, ago: timedelta, reason: str, expected: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = capabilities_of("primary")
    assert known is not None
    monkeypatch.setattr(proof, "capabilities_of", lambda _: replace(known, replays_errors=True))
    refund = told(sent(shop), Kind.UNKNOWN, reason)
    RefundAttempt.objects.update(sent_at=Now() - ago)
    assert [sorted(work.granted) for work in claimed_again(refund)] == [expected or ["look_up"]]


def test_a_payment_in_doubt_is_not_refunded(shop: Client) -> None:
    payment = paid(shop)
    requested(payment, 3000)
    type(payment).objects.update(status="review")
    assert claimed() == []
    row = Refund.objects.get()
    assert (row.state, row.error_code, counters(payment)) == ("rejected", "payment_not_captured", (0, 0))
    assert asked(row) == ["refund_failed"]


def test_an_approved_refund_that_may_no_longer_be_made_fails(shop: Client) -> None:
    payment = paid(shop)
    refund = written(payment, 3000, state="processing", needs_approval=True, approved_by="operator:bob")
    disputed(payment, 10_000)
    assert claimed() == []
    assert (states(refund), counters(payment)) == (["failed"], (0, 0))
    assert Refund.objects.get().error_code == "payment_disputed"


def test_an_external_refund_is_only_ever_looked_up(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 2500, state="processing", origin="gateway", gateway_reference="re_9")
    [work] = claimed()
    assert (work.step, list(work.granted), work.attempt) == (Step.LOOK_UP, ["look_up"], None)
    assert not RefundAttempt.objects.exists()


def test_what_cannot_be_written_is_claimed_by_nobody(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    refund = requested(paid(shop), 3000)

    def broken(rows: Any) -> None:
        raise IntegrityError

    monkeypatch.setattr(change, "insert_each", broken)
    assert (claimed(), states(refund)) == ([], ["requested"])
    monkeypatch.undo()
    assert len(claimed_again(refund)) == 1


def test_a_refund_that_cannot_be_claimed_holds_up_no_other(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q06 of the fault catalogue: it is put out of the others' way, and comes again."""
    payment = paid(shop)
    bad, good = requested(payment, 100), requested(payment, 200, "refund-2")
    send = claim_module._Claim._send

    def broken(self: Any, refund: Refund, number: int, change: Any) -> Any:
        if refund.pk == bad.pk:
            raise RuntimeError("a defect")
        return send(self, refund, number, change)

    monkeypatch.setattr(claim_module._Claim, "_send", broken)
    now = database_now()
    assert [work.refund.pk for work in claimed()] == [good.pk]
    row = Refund.objects.get(pk=bad.pk)
    assert row.due_at is not None
    assert (states(bad), row.due_at > now, row.fence) == (["requested"], True, 0)
    assert (anything_due(), counters(payment)) == (False, (300, 0))
    monkeypatch.undo()
    assert [work.refund.pk for work in claimed_again(bad)] == [bad.pk]


def test_what_another_worker_claimed_since_it_was_seen_to_be_due_is_left_alone(shop: Client) -> None:
    """Between the look for what is due and the lock a whole claim may have been committed."""
    refund = requested(paid(shop), 3000)
    seen = [(refund.pk, refund.payment_id)]
    claimed()
    with transaction.atomic():
        assert locked_due(seen) == []
    assert states(refund) == ["processing", "sent"]


@pytest.mark.parametrize(("reserved", "lost", "goes"), [(10_000, 1, False), (6000, 4001, False), (6000, 4000, True)])
def test_a_refund_over_a_dispute_that_was_lost_while_it_waited_is_not_sent(
    shop: Client, reserved: int, lost: int, goes: bool
) -> None:
    payment = paid(shop)
    refund = requested(payment, reserved)
    disputed(payment, lost, "lost")
    assert len(claimed()) == int(goes)
    row = Refund.objects.get()
    assert (row.state, row.error_code) == (("processing", "") if goes else ("rejected", "amount_exceeds_refundable"))
    assert (counters(payment)[0], RefundAttempt.objects.count()) == ((reserved, 1) if goes else (0, 0))
    assert asked(refund) == ([] if goes else ["refund_failed"])


def test_of_two_refunds_beside_a_lost_dispute_the_one_that_still_fits_is_sent(shop: Client) -> None:
    payment = paid(shop)
    first, second = requested(payment, 6000), requested(payment, 4000, "refund-2")
    disputed(payment, 5000, "lost")
    assert [work.refund.pk for work in claimed()] == [second.pk]
    assert [row.state for row in Refund.objects.order_by("pk")] == ["rejected", "processing"]
    assert first.pk < second.pk
    assert counters(payment) == (4000, 0)


def test_an_unknown_refund_is_not_sent_again_over_a_lost_dispute(shop: Client) -> None:
    refund = told(sent(shop, 10_000), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 10_000, "lost")
    assert [list(work.granted) for work in claimed_again(refund)] == [["look_up"]]
    assert (last(refund).sends, counters(refund.payment)) == (1, (10_000, 0))


def test_a_dispute_that_opens_before_a_refund_leaves_stops_it(shop: Client) -> None:
    payment = paid(shop)
    refund = requested(payment, 3000)
    disputed(payment, 10_000)
    assert claimed() == []
    refund = Refund.objects.get()
    assert (refund.state, refund.error_code, counters(payment)) == ("rejected", "payment_disputed", (0, 0))


def test_a_dispute_that_opens_while_a_refund_is_unknown_stops_it_from_being_sent_again(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 10_000)
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]
    with pytest.raises(RefundRefusedError):
        requested(refund.payment, 1, "refund-2")


def test_a_refund_that_waited_beyond_the_window_is_called_off(shop: Client) -> None:
    payment = paid(shop)
    requested(payment, 3000)
    Payment.objects.update(processed_at="2020-01-01T00:00:00+00:00")
    assert claimed() == []
    refund = Refund.objects.get()
    assert (refund.state, refund.error_code, counters(payment)) == ("rejected", "refund_window_over", (0, 0))
    assert asked(refund) == ["refund_failed"]
