"""Bringing a list of refunds in at the console: checked, and nothing refunded yet (requirements D6, G4)."""

import pytest
from django.test import Client as Browser

from payments.admin.roles import VIEWER
from payments.models import Client, Payment
from refunds.models import BulkRefund, Refund
from refunds.models.bulk import new_bulk_id
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import accepted, reload
from tests.refunds.admin.bulk_pages import ADD, made, uploaded

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_file_is_checked_and_shown_and_nothing_is_refunded(payment: Payment, operator: Browser) -> None:
    text = f"payment;amount\r\n{payment.pk};30,00\r\norder-9;\r\n".encode("utf-8-sig")
    response = uploaded(operator, text)
    bulk = BulkRefund.objects.get()
    assert (bulk.name, bulk.state, bulk.reason, bulk.note) == ("list.csv", "checked", "duplicate", "twice")
    page = text_of(operator, response["Location"])
    assert "This was a dry run: nothing is reserved and nothing is refunded." in page
    assert "1 row is refunded, 30.00 USD in all, one after the other." in page
    assert "1 × There is no such payment and no such order." in page
    assert (Refund.objects.count(), reload(payment).refund_reserved) == (0, 0)


def test_one_form_sent_twice_is_one_list(payment: Payment, operator: Browser) -> None:
    key = new_bulk_id()
    first, second = (made(operator, f"{payment.pk},30.00", key=key) for _ in range(2))
    assert (first.pk, second.pk, BulkRefund.objects.count()) == (key, key, 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Give a list."),
        ({"pasted": "payment;amount"}, "The list has a heading and no rows."),
        ({"pasted": "x", "reason": "proactive_customer_satisfaction"}, "Select a valid choice."),
        ({"pasted": "x", "note": "a\x07b"}, "There is a character that cannot be shown"),
        ({"pasted": "amount\n1"}, "The heading names no column for the payment."),
    ],
)
def test_a_list_that_cannot_be_taken_says_why(operator: Browser, data: dict[str, str], words: str) -> None:
    response = operator.post(ADD, {"reason": "duplicate", **data})
    assert (response.status_code, words in response.content.decode()) == (200, True)
    assert BulkRefund.objects.count() == 0


@pytest.mark.parametrize(
    "content", [bytes(range(256)), b"\x00", b'"' * 999, b"\xff\xfe\x00", b"a,b\n" * 3, b"=1+1;@x\n-1;+1"]
)
def test_no_file_is_a_failure_of_the_page(payment: Payment, operator: Browser, content: bytes) -> None:
    response = uploaded(operator, content)
    assert response.status_code in {200, 302}
    if response.status_code == 302:
        text_of(operator, response["Location"])
        assert set(BulkRefund.objects.get().rows.values_list("state", flat=True)) == {"refused"}


def test_a_file_that_is_too_large_is_refused(operator: Browser) -> None:
    page = uploaded(operator, b"x" * 1_000_001).content.decode()
    assert "The list is larger than 1,000,000 bytes. Split it." in page
    assert BulkRefund.objects.count() == 0


def test_chosen_payments_of_the_console_fill_in_a_new_list(shop: Client, payment: Payment, operator: Browser) -> None:
    other = accepted(shop, "order-2-pay", order="order-2")
    chosen = {"action": "refund_these", "_selected_action": [payment.pk, other.pk], "index": "0"}
    response = operator.post("/admin/payments/payment/", chosen)
    page = response.content.decode()
    assert response.status_code == 200
    assert f"{other.pk}\n{payment.pk}</textarea>" in page
    assert f'action="{ADD}"' in page
    assert BulkRefund.objects.count() == 0
    assert f"{payment.pk}\n{other.pk}</textarea>" in text_of(operator, f"{ADD}?payments={payment.pk},{other.pk}")
    viewer = browser_of("vera", VIEWER)
    refused = viewer.post("/admin/payments/payment/", chosen, follow=True).content.decode()
    assert "You may look at payments, not refund them." in refused
