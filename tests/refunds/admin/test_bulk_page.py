"""The page of a bulk refund and its result to take away: truthful, for those who may see it (D6, G4)."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from payments.admin.roles import VIEWER
from payments.clock import database_now
from payments.models import Client, Payment
from payments.services.settle import Settler
from refunds.models import Refund
from refunds.models.bulk import new_bulk_id
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import reload
from tests.refunds.admin.bulk_pages import ADD, LIST, act_of, made, page_of
from tests.refunds.conftest import captured
from tests.refunds.services.bulks import now

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_and_a_payment_that_differ_are_shown_as_they_were_given(payment: Payment, operator: Browser) -> None:
    bulk = made(operator, "order;payment;amount", f"order-9;{payment.pk};30.00")
    page = text_of(operator, page_of(bulk))
    assert f"{payment.pk} · order-9 · 30.00" in page
    assert "1 × The order and the payment differ: this payment is of another order." in page
    assert "No row of the list can be refunded." in page
    response = operator.get(f"{LIST}{bulk.pk}/result.csv")
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert text.splitlines()[1].startswith(f"2,{payment.pk} · order-9 · 30.00,{payment.pk},,USD,Cannot be refunded,")
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    assert (now(bulk).state, Refund.objects.count(), reload(payment).refund_reserved) == ("checked", 0, 0)


def test_the_sums_have_a_line_for_a_currency_only_where_there_is_money(
    shop: Client, payment: Payment, operator: Browser, settler: Settler
) -> None:
    yen = captured(shop, settler, "order-2-pay", order="order-2", currency="JPY", amount=500)
    dinar = captured(shop, settler, "order-3-pay", order="order-3", currency="KWD", amount=5000)
    bulk = made(operator, f"{payment.pk},30.00", f"{payment.pk},500.00", f"{yen.pk},5.00", f"{dinar.pk},x", "order-9")
    sums = operator.get(page_of(bulk)).context["sums"]
    assert sums == [
        ("500.00 USD", "Cannot be refunded", 1),
        ("30.00 USD", "Waiting", 1),
        ("—", "Cannot be refunded", 3),
    ]


def test_the_result_has_no_cell_that_is_a_formula(payment: Payment, operator: Browser, settler: Settler) -> None:
    bulk = made(operator, "order;amount", "=cmd|' /C calc'!A0;1", "@SUM(1);2", "-1;", "+2;", "order-1;5.00")
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    settler.drain()
    response = operator.get(f"{LIST}{bulk.pk}/result.csv")
    assert response["Content-Disposition"] == f'attachment; filename="{bulk.pk}.csv"'
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    lines = text.splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == [
        "'=cmd|' /C calc'!A0 · 1",
        "'@SUM(1) · 2",
        "'-1",
        "'+2",
        "order-1 · 5.00",
    ]
    refund = Refund.objects.get()
    assert lines[-1].startswith(
        f"6,order-1 · 5.00,{payment.pk},5.00,USD,Refund requested,The money went back.,{refund.pk}"
    )
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line.split(","))


def test_a_refund_that_failed_later_is_shown_and_goes_into_a_new_list(
    payment: Payment, operator: Browser, settler: Settler
) -> None:
    bulk = made(operator, f"{payment.pk},30.00")
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    settler.drain()
    refund = Refund.objects.get()
    refund.fail(code="account_closed", now=database_now())
    refund.save(update_fields=["state", "error_code", "due_at", "finished_at"])
    page = text_of(operator, page_of(bulk))
    assert "The customer did not get the money" in page
    assert "It needs a new list." in page
    assert f"?again={bulk.pk}" in page
    form = text_of(operator, f"{ADD}?again={bulk.pk}")
    assert f"{payment.pk}; 30.00 USD" in form


def test_a_viewer_sees_and_does_nothing(payment: Payment, operator: Browser) -> None:
    bulk, viewer = made(operator, f"{payment.pk},30.00"), browser_of("vera", VIEWER)
    page = text_of(viewer, page_of(bulk))
    assert "/do/start/" not in page
    assert [viewer.post(act_of(bulk, slug), {"reason": "x"}).status_code for slug in ("start", "cancel")] == [403] * 2
    assert (viewer.get(ADD).status_code, viewer.post(page_of(bulk)).status_code) == (403, 403)
    assert viewer.get(f"{LIST}{bulk.pk}/result.csv").status_code == 200
    assert now(bulk).state == "checked"


def test_who_may_not_see_lists_sees_none(payment: Payment, operator: Browser) -> None:
    bulk, nobody = made(operator, f"{payment.pk},30.00"), browser_of("nobody")
    urls = (LIST, page_of(bulk), f"{LIST}{bulk.pk}/result.csv", act_of(bulk, "start"), ADD)
    assert [nobody.get(url).status_code for url in urls] == [403] * 5
    assert User.objects.count() == 2


def test_the_rows_are_shown_page_by_page_and_by_what_they_are(payment: Payment, operator: Browser) -> None:
    bulk = made(operator, *[f"order-{number};0.01" for number in range(1, 251)])
    page = text_of(operator, page_of(bulk))
    assert "Page 1 of 3" in page
    assert "Page 2 of 3" in text_of(operator, f"{page_of(bulk)}?show=refused&page=2")
    waiting = text_of(operator, f"{page_of(bulk)}?show=waiting")
    assert "Waiting (1)" in waiting
    assert "Page" not in waiting.partition('id="rows"')[2]


@pytest.mark.parametrize("address", ["?show=nonsense&page=x", "?page=999", "?page=-1"])
def test_an_address_that_makes_no_sense_shows_the_list(payment: Payment, operator: Browser, address: str) -> None:
    bulk = made(operator, f"{payment.pk},30.00")
    assert payment.pk in text_of(operator, page_of(bulk) + address)


def test_a_list_that_does_not_exist_is_not_found(operator: Browser) -> None:
    unknown = new_bulk_id()
    urls = (f"{LIST}{unknown}/change/", f"{LIST}{unknown}/do/start/", f"{LIST}x/result.csv", f"{ADD}?again={unknown}")
    assert [operator.get(url).status_code for url in urls] == [404] * 4


def test_the_page_costs_the_same_however_long_the_list_is(
    payment: Payment, operator: Browser, django_assert_max_num_queries: Any
) -> None:
    bulk = made(operator, *[f"order-{number};0.01" for number in range(1, 151)])
    with django_assert_max_num_queries(30):
        text_of(operator, page_of(bulk))
