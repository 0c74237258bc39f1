"""The dry run of a bulk refund: every row is checked, and nothing is reserved or moved (requirements D1, G4)."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries

from payments.ids import new_payment_id
from payments.models import AuditEntry, Client, Event, Payment
from payments.services.settle import Settler
from refunds.models import BulkRefund, Refund
from refunds.models.bulk import new_bulk_id
from refunds.services.bulk import acts
from tests.payments.conftest import accepted, reload
from tests.refunds.conftest import NO_LIMIT, captured, requested
from tests.refunds.services.bulks import ANNA, checked, messages, states
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


def rows(bulk: BulkRefund) -> list[tuple[int, str | None, int | None, str, str]]:
    return list(bulk.rows.order_by("number").values_list("number", "payment_id", "amount", "currency", "state"))


def money(payment: Payment) -> tuple[int, int]:
    row = reload(payment)
    return row.refund_reserved, row.refunded


def test_a_dry_run_moves_nothing(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    told = AuditEntry.objects.count(), Event.objects.count()
    bulk = checked("payment,amount", f"{payment.pk},30.00", "order-1")
    settler.drain()
    assert bulk.state == "checked"
    assert rows(bulk) == [
        (2, payment.pk, 3000, "USD", "waiting"),
        (3, payment.pk, 7000, "USD", "waiting"),
    ]
    assert (Refund.objects.count(), money(payment)) == (0, (0, 0))
    assert gateway.refunds(reference=payment.pk) == []
    assert (AuditEntry.objects.count(), Event.objects.count()) == told


def test_rows_of_one_payment_are_checked_together(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    bulk = checked(f"{payment.pk},60.00", f"{payment.pk},40.01", f"{payment.pk},40.00", f"{payment.pk}")
    assert states(bulk) == ["waiting", "refused", "waiting", "refused"]
    assert messages(bulk)[1] == "At most 40.00 USD of 100.00 USD can still be refunded."
    assert messages(bulk)[3].startswith("Everything that was captured is refunded or being refunded.")
    assert money(payment) == (0, 0)


def test_each_row_says_why_it_cannot_be_refunded(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    good = captured(shop, settler)
    old = captured(shop, settler, "order-2-pay", order="order-2")
    Payment.objects.filter(pk=old.pk).update(processed_at=Now() - timedelta(days=200))
    failed = captured(shop, settler, "order-3-pay", order="order-3", token="tok_insufficient_funds")
    yen = captured(shop, settler, "order-4-pay", order="order-4", currency="JPY", amount=500)
    pending = accepted(shop, "order-5-pay", order="order-5")
    bulk = checked(
        "payment,amount,currency",
        f"{good.pk},5.00,EUR",
        f"{good.pk},five,",
        f"{old.pk},,",
        f"{failed.pk},,",
        f"{yen.pk},5.00,",
        f"{pending.pk},,",
        f"{new_payment_id()},,",
        "order-9,,",
        '"order-9,,',
    )
    assert set(states(bulk)) == {"refused"}
    begins = [message[:40] for message in messages(bulk)]
    assert begins == [
        "The list says EUR, but the payment is in USD."[:40],
        "The amount is not a plain number such as 10.50."[:40],
        "The time for refunds is over. Its last d",
        messages(bulk)[3][:40],
        "The amount has more than the 0 decimals that JPY"[:40],
        "It is not finished, and nothing is captured yet"[:40],
        "There is no such payment and no such order."[:40],
        "There is no such payment and no such order."[:40],
        "The quotes of this line do not match."[:40],
    ]
    assert "nothing" in messages(bulk)[3]
    assert Refund.objects.count() == 0


def test_a_reference_of_two_shops_names_no_payment(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    captured(shop, settler)
    captured(other, settler)
    bulk = checked("order-1")
    assert states(bulk) == ["refused"]
    assert messages(bulk) == ["Several shops have an order with this reference. Name the payment by its id."]


def test_a_payment_of_another_order_than_the_one_beside_it_is_refused(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    first = captured(shop, settler)
    second = captured(shop, settler, "order-2-pay", order="order-2")
    bulk = checked(
        "order,payment,amount",
        f"order-1,{second.pk},10.00",
        f"order-2,{second.pk},10.00",
        f"{first.order_id},{first.pk},20.00",
        f"{first.order_id},{second.pk},",
        "order-2,order-1,",
    )
    assert states(bulk) == ["refused", "waiting", "waiting", "refused", "refused"]
    differ = "The order and the payment differ: this payment is of another order."
    assert messages(bulk) == [differ, "", "", differ, differ]
    assert rows(bulk)[0][1:4] == (second.pk, None, "USD")
    given = bulk.rows.order_by("number").values_list("given_payment", flat=True)
    assert list(given)[:2] == [f"{second.pk} · order-1", f"{second.pk} · order-2"]
    bulk = acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=NO_LIMIT)
    settler.drain()
    assert (money(second), money(first)) == ((1000, 1000), (2000, 2000))


def test_of_an_order_the_payment_that_captured_is_meant(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    captured(shop, settler, "first", token="tok_insufficient_funds")
    paid = captured(shop, settler, "second")
    assert paid.status == "success"
    (row,) = rows(checked("order-1"))
    assert row == (1, paid.pk, 10_000, "USD", "waiting")


def test_a_row_that_repeats_a_refund_is_warned_of(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    refund = requested(payment, 1000)
    bulk = checked(f"{payment.pk},10.00", f"{payment.pk},20.00", f"{payment.pk},20.00")
    assert states(bulk) == ["waiting"] * 3
    assert messages(bulk) == [
        f"Careful: the same amount of this payment is refunded already, by {refund.pk}.",
        "",
        "Careful: line 2 refunds the same amount of this payment.",
    ]


def test_one_form_sent_twice_is_one_list(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment, key = captured(shop, settler), new_bulk_id()
    first, second = (checked(f"{payment.pk},10.00", key=key) for _ in range(2))
    assert (first.pk, second.pk, BulkRefund.objects.count()) == (key, key, 1)
    other = checked(f"{payment.pk},11.00", key=key)
    assert other.pk != key
    corrected = checked("order,payment,amount", f"order-9,{payment.pk},10.00", key=key)
    assert corrected.pk not in {key, other.pk}
    assert [row[2] for row in rows(other)] == [1100]


def test_two_thousand_rows_cost_few_statements(
    shop: Client,
    gateway: SandboxProcess,
    settler: Settler,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    payment = captured(shop, settler)
    lines = [f"{payment.pk},0.05"] * 1000 + [f"order-{number},0.05" for number in range(1, 1001)]
    with django_assert_max_num_queries(15):
        bulk = checked(*lines)
    assert states(bulk) == ["waiting"] * 1001 + ["refused"] * 999
    assert bulk.rows.count() == 2000
