"""The database refuses what the tables of refunds do not allow, and more refunds than the capture (A11, D1)."""

import itertools
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

from payments.guards import PAYMENT_GUARDS, StateGuard
from payments.models import Client, Payment
from payments.states import PaymentStatus
from refunds.guards import REFUND_GUARDS
from refunds.models import BulkRefund, Refund, RefundAttempt
from refunds.states import BULK, REFUND, REFUND_ATTEMPT, RESERVED, BulkState, RefundAttemptState, RefundState
from tests.refunds.rows import attempted, bulk, counters, force, new_refund, paid, written

pytestmark = pytest.mark.django_db


def refused(rows: "models.QuerySet[Any]", match: str, **change: object) -> None:
    """Check that the database refuses `change` of `rows`."""
    with pytest.raises(IntegrityError, match=match), transaction.atomic():
        rows.update(**change)


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(RefundState.values, 2)))
def test_a_refund_takes_exactly_the_edges_of_the_table(shop: Client, before: str, after: str) -> None:
    refund = written(paid(shop))
    force(REFUND_GUARDS, "refunds_refund", refund.pk, state=before)
    # Room for either direction.
    Payment.objects.update(refund_reserved=6000, refunded=3000)
    row = Refund.objects.filter(pk=refund.pk)
    if REFUND.allows(before, after):
        assert row.update(state=after) == 1
        return
    refused(row, "no such transition", state=after)
    assert row.get().state == before


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(RefundAttemptState.values, 2)))
def test_an_attempt_takes_exactly_the_edges_of_the_table(shop: Client, before: str, after: str) -> None:
    attempt = attempted(written(paid(shop)))
    force(REFUND_GUARDS, "refunds_refundattempt", attempt.pk, state=before)
    row = RefundAttempt.objects.filter(pk=attempt.pk)
    if REFUND_ATTEMPT.allows(before, after):
        assert row.update(state=after) == 1
        return
    refused(row, "no such transition", state=after)
    assert row.get().state == before


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(BulkState.values, 2)))
def test_a_bulk_refund_takes_exactly_the_edges_of_the_table(before: str, after: str) -> None:
    made = bulk()
    force(REFUND_GUARDS, "refunds_bulkrefund", made.pk, state=before)
    row = BulkRefund.objects.filter(pk=made.pk)
    if BULK.allows(before, after):
        assert row.update(state=after) == 1
        return
    refused(row, "no such transition", state=after)
    assert row.get().state == before


@pytest.mark.parametrize("state", RefundState.values)
def test_a_refund_is_born_in_the_states_of_the_table_alone(shop: Client, state: str) -> None:
    payment = paid(shop)
    if state in REFUND.births:
        written(payment, state=state)
        assert Refund.objects.get().state == state
        return
    with pytest.raises(IntegrityError, match="may not be born"), transaction.atomic():
        written(payment, state=state)
    assert (Refund.objects.count(), counters(payment)) == (0, (0, 0))


@pytest.mark.parametrize("state", [state for state in RefundAttemptState.values if state != "sent"])
def test_an_attempt_is_born_as_sent_alone(shop: Client, state: str) -> None:
    refund = written(paid(shop))
    with pytest.raises(IntegrityError, match="may not be born"), transaction.atomic():
        attempted(refund, state=state)
    assert not RefundAttempt.objects.exists()


@pytest.mark.parametrize("state", [state for state in BulkState.values if state != "checked"])
def test_a_bulk_refund_is_born_checked_alone(state: str) -> None:
    with pytest.raises(IntegrityError, match="may not be born"), transaction.atomic():
        bulk(state=state)
    assert not BulkRefund.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        *({"payment_id": "pay_x"}, {"client_id": 999}, {"charge_id": "att_x"}, {"gateway": "secondary"}),
        *({"amount": 1}, {"amount": 3001}, {"currency": "EUR"}, {"idempotency_key": "other"}),
        *({"requested_by": "operator:eve"}, {"parameters_hash": "other"}, {"reason": "other"}, {"note": "other"}),
    ],
)
def test_what_a_refund_is_never_changes(shop: Client, change: dict[str, object]) -> None:
    payment = paid(shop)
    refund = written(payment)
    refused(Refund.objects.all(), "never change", **change)
    (name,) = change
    assert getattr(Refund.objects.get(), name) == getattr(refund, name)
    assert counters(payment) == (3000, 0)


@pytest.mark.parametrize("change", [{"number": 2}, {"refund_id": "rf_x"}])
def test_whose_attempt_it_is_never_changes(shop: Client, change: dict[str, object]) -> None:
    attempt = attempted(written(paid(shop)))
    refused(RefundAttempt.objects.all(), "never change", **change)
    kept = RefundAttempt.objects.get()
    assert (kept.refund_id, kept.number) == (attempt.refund_id, 1)


@pytest.mark.parametrize("change", [{"requested_by": "operator:eve"}, {"parameters_hash": "other"}])
def test_what_a_bulk_refund_was_checked_for_never_changes(change: dict[str, object]) -> None:
    bulk()
    refused(BulkRefund.objects.all(), "never change", **change)
    kept = BulkRefund.objects.get()
    assert (kept.requested_by, kept.parameters_hash) == ("operator:ann", "rows")


@pytest.mark.parametrize("model", [RefundAttempt, Refund, BulkRefund])
def test_refunds_are_never_deleted(shop: Client, model: type[models.Model]) -> None:
    payment = paid(shop)
    attempted(written(payment))
    bulk()
    with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table}")
    assert (model._default_manager.count(), counters(payment)) == (1, (3000, 0))


@pytest.mark.parametrize("first", ["sent", "pending", "unknown", "unresolved", "succeeded"])
def test_a_refund_has_one_attempt_at_most_that_may_have_happened(shop: Client, first: str) -> None:
    refund = written(paid(shop))
    attempt = attempted(refund)
    force(REFUND_GUARDS, "refunds_refundattempt", attempt.pk, state=first)
    with pytest.raises(IntegrityError), transaction.atomic():
        attempted(refund, 2)
    assert RefundAttempt.objects.count() == 1


@pytest.mark.parametrize("first", ["declined", "not_sent", "rejected", "not_found", "bounced"])
def test_an_attempt_that_is_proven_over_makes_room_for_the_next(shop: Client, first: str) -> None:
    refund = written(paid(shop))
    attempt = attempted(refund)
    force(REFUND_GUARDS, "refunds_refundattempt", attempt.pk, state=first)
    attempted(refund, 2)
    assert RefundAttempt.objects.count() == 2


@pytest.mark.parametrize("state", ["requested", "processing", "succeeded"])
@pytest.mark.parametrize("approved_by", ["", "client:shop"])
def test_nobody_approves_their_own_refund(shop: Client, state: str, approved_by: str) -> None:
    payment = paid(shop)
    with pytest.raises(IntegrityError, match="nobody_approves"), transaction.atomic():
        written(payment, state=state, needs_approval=True, approved_by=approved_by)
    assert (Refund.objects.count(), counters(payment)) == (0, (0, 0))


@pytest.mark.parametrize(("approved_by", "is_allowed"), [("operator:bob", True), ("", False), ("client:shop", False)])
def test_a_refund_is_sent_only_once_a_second_person_approved_it(
    shop: Client, approved_by: str, is_allowed: bool
) -> None:
    payment = paid(shop)
    written(payment, state="awaiting_approval", needs_approval=True)
    if is_allowed:
        assert Refund.objects.update(state="processing", approved_by=approved_by) == 1
        return
    refused(Refund.objects.all(), "nobody_approves", state="processing", approved_by=approved_by)
    assert Refund.objects.get().state == "awaiting_approval"


def test_a_bulk_refund_runs_only_once_a_second_person_approved_it() -> None:
    bulk(needs_approval=True)
    for approved_by in ("", "operator:ann"):
        refused(BulkRefund.objects.all(), "nobody_approves", state="running", approved_by=approved_by)
    assert BulkRefund.objects.update(state="running", approved_by="operator:bob") == 1


@pytest.mark.parametrize("state", sorted(REFUND.births))
def test_a_refund_beyond_the_capture_is_refused_by_the_database(shop: Client, state: str) -> None:
    payment = paid(shop)
    written(payment, 7000)
    if state not in RESERVED:
        written(payment, 3001, state=state)
        assert counters(payment) == (7000, 0)
        return
    with pytest.raises(IntegrityError, match="refunds_stay_within_the_capture"), transaction.atomic():
        written(payment, 3001, state=state)
    assert (Refund.objects.count(), counters(payment)) == (1, (7000, 0))
    written(payment, 3000, state=state)
    assert counters(payment)[0] == 10_000


def test_a_failed_refund_comes_back_only_where_its_amount_is_free(shop: Client) -> None:
    payment = paid(shop)
    failed = written(payment, 3001, state="failed")
    other = written(payment, 7000)
    refused(Refund.objects.filter(pk=failed.pk), "refunds_stay_within_the_capture", state="succeeded")
    assert counters(payment) == (7000, 0)
    Refund.objects.filter(pk=other.pk).update(state="rejected")
    Refund.objects.filter(pk=failed.pk).update(state="succeeded")
    assert counters(payment) == (3001, 3001)


@pytest.mark.parametrize(
    "change",
    [{"refund_reserved": 10_001}, {"refunded": 3001}, {"refunded": -1}, {"refund_reserved": 0, "refunded": 1}],
)
def test_no_counter_goes_beyond_what_it_counts(shop: Client, change: dict[str, int]) -> None:
    payment = paid(shop)
    written(payment, 3000)
    refused(Payment.objects.all(), "refunds_stay_within_the_capture", **change)
    assert counters(payment) == (3000, 0)


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (["rejected"], [(0, 0)]),
        (["processing", "succeeded"], [(3000, 0), (3000, 3000)]),
        (["processing", "failed"], [(3000, 0), (0, 0)]),
        (["processing", "unknown", "processing"], [(3000, 0)] * 3),
        (["processing", "unknown", "failed"], [(3000, 0), (3000, 0), (0, 0)]),
        (["processing", "unknown", "succeeded"], [(3000, 0), (3000, 0), (3000, 3000)]),
        (["processing", "succeeded", "failed"], [(3000, 0), (3000, 3000), (0, 0)]),
        (["processing", "failed", "succeeded"], [(3000, 0), (0, 0), (3000, 3000)]),
    ],
)
def test_the_database_counts_along_every_way(shop: Client, way: list[str], expected: list[tuple[int, int]]) -> None:
    payment = paid(shop)
    refund = written(payment)
    counted = []
    for state in way:
        Refund.objects.filter(pk=refund.pk).update(state=state)
        counted.append(counters(payment))
    assert counted == expected


@pytest.mark.parametrize("status", [status for status in PaymentStatus.values if status not in {"success", "review"}])
def test_nothing_is_reserved_on_a_payment_that_was_not_captured(shop: Client, status: str) -> None:
    payment = paid(shop)
    force(PAYMENT_GUARDS, "payments_payment", payment.pk, status=status)
    with pytest.raises(IntegrityError, match="only_captured_money_is_refunded"), transaction.atomic():
        new_refund(payment, 1).save(force_insert=True)
    assert (Refund.objects.count(), counters(payment)) == (0, (0, 0))


def test_a_payment_with_refunds_does_not_become_one_that_took_nothing(shop: Client) -> None:
    payment = paid(shop)
    written(payment)
    Payment.objects.update(status="review")
    refused(Payment.objects.all(), "only_captured_money_is_refunded", status="failed")
    assert (Payment.objects.get().status, counters(payment)) == ("review", (3000, 0))


@pytest.mark.parametrize("amount", [0, -1])
def test_no_refund_of_nothing(shop: Client, amount: int) -> None:
    payment = paid(shop)
    with pytest.raises(IntegrityError, match=r"refund_amount_positive|refunds_stay"), transaction.atomic():
        written(payment, amount)
    assert (Refund.objects.count(), counters(payment)) == (0, (0, 0))


def test_raw_sql_is_held_to_the_sum_as_well(shop: Client) -> None:
    payment = paid(shop)
    refund = written(payment, 6000)
    columns = [field.column for field in Refund._meta.local_concrete_fields]
    others = ", ".join(str(name) for name in columns if name not in {"id", "idempotency_key"})
    statement = (
        f"INSERT INTO refunds_refund (id, idempotency_key, {others})"
        f" SELECT 'rf_raw', 'raw', {others} FROM refunds_refund WHERE id = %s"
    )
    refusal = pytest.raises(IntegrityError, match="refunds_stay_within_the_capture")
    with refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [refund.pk])
    assert (Refund.objects.count(), counters(payment)) == (1, (6000, 0))


def test_every_state_column_of_refunds_is_guarded() -> None:
    guarded = {(guard.table, guard.column) for guard in REFUND_GUARDS if isinstance(guard, StateGuard)}
    assert guarded == {
        ("refunds_refund", "state"),
        ("refunds_refundattempt", "state"),
        ("refunds_bulkrefund", "state"),
    }
