import pytest
from django.db import transaction

from payments.bulk import StaleRowError, update_each
from payments.models import Client, Payment
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
