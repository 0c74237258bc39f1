from datetime import UTC, datetime, timedelta

import pytest
from django.db import DataError, connection, transaction
from django.utils import timezone

from payments.bulk import StaleRowError, insert_each, update_each
from payments.models import AuditEntry, Client, Payment
from tests.payments.conftest import accepted

pytestmark = pytest.mark.django_db


def test_each_row_gets_its_own_values(shop: Client) -> None:
    rows = [accepted(shop, f"key-{number}", order=f"order-{number}") for number in range(3)]
    for number, row in enumerate(rows):
        row.fence = number + 10
    update_each(rows, ("fence",))
    assert sorted(Payment.objects.values_list("fence", flat=True)) == [10, 11, 12]


def test_a_row_that_is_not_there_any_more_stops_the_whole_change(shop: Client) -> None:
    row, gone = accepted(shop), accepted(shop, "other-key", order="order-2")
    row.fence, gone.pk = 7, "pay_gone"
    with pytest.raises(StaleRowError), transaction.atomic():
        update_each([row, gone], ("fence",))
    assert Payment.objects.get(pk=row.pk).fence == 0


def test_nothing_to_write_is_no_query(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        update_each([], ("fence",))


def test_rows_are_inserted_with_every_value_and_what_they_leave_out_comes_from_the_database(db: None) -> None:
    before = timezone.now() - timedelta(seconds=1)
    given = {"reason": "quotes \" and ' and \\ and %s", "data": {"größe": ["1", {"nested": None}]}, "actor": "worker:ü"}
    insert_each([entry("pay_1", **given), entry("pay_2")])
    first, second = AuditEntry.objects.order_by("payment_id")
    assert {name: getattr(first, name) for name in given} == given
    assert (second.reason, second.data, second.actor) == ("", {}, "test")
    assert before < first.at <= second.at
    # One statement has one time; the embedded database writes row by row.
    assert first.at == second.at or connection.vendor == "sqlite"
    assert first.pk != second.pk


def test_a_time_is_inserted_and_changed_to_the_microsecond(shop: Client) -> None:
    at = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
    payment = accepted(shop)
    payment.due_at, payment.error_at = at, None
    update_each([payment], ("due_at", "error_at"))
    assert Payment.objects.values_list("due_at", "error_at").get() == (at, None)


def test_a_text_that_is_too_long_for_postgresql_is_refused_instead_of_cut_off(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite does not limit texts")
    with pytest.raises(DataError), transaction.atomic():
        insert_each([entry("pay_1", action="x" * 49)])
    assert AuditEntry.objects.count() == 0


def entry(payment_id: str, **given: object) -> AuditEntry:
    values = {"action": "test.done", "actor": "test", "cause": "test", **given}
    return AuditEntry(payment_id=payment_id, entity_id=payment_id, **values)
