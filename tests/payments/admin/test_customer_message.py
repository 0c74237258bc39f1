"""E-mails to customers in the console: to be read, never to be edited (requirement B7)."""

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.models import Client, CustomerMessage
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import accepted

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/customermessage/"


@pytest.fixture
def mails(shop: Client) -> list[CustomerMessage]:
    """One e-mail that waits, one that is out, and one that was dropped."""
    rows = []
    for number, (due, out, trouble) in enumerate([(True, False, ""), (False, True, ""), (False, False, "is paid")]):
        rows.append(
            CustomerMessage.objects.create(
                payment=accepted(shop, f"key-{number}", order=f"order-{number}"),
                kind=CustomerMessage.Kind.DELAYED,
                address=f"anna-{number}@shop.test",
                due_at=timezone.now() if due else None,
                sent_at=timezone.now() if out else None,
                trouble=trouble,
            )
        )
    return rows


@pytest.mark.parametrize(("standing", "address"), [("waiting", 0), ("sent", 1), ("not_sent", 2)])
def test_the_list_tells_what_is_out(viewer: Browser, mails: list[CustomerMessage], standing: str, address: int) -> None:
    page = text_of(viewer, LIST)
    assert all(row.address in page for row in mails)
    assert "is paid" in page
    page = text_of(viewer, f"{LIST}?standing={standing}")
    assert [row.address for row in mails if row.address in page] == [f"anna-{address}@shop.test"]


def test_an_e_mail_is_found_by_its_payment(viewer: Browser, mails: list[CustomerMessage]) -> None:
    page = text_of(viewer, f"{LIST}?q={mails[1].payment_id}")
    assert [row.address for row in mails if row.address in page] == ["anna-1@shop.test"]


def test_nobody_can_edit_one(operator: Browser, mails: list[CustomerMessage]) -> None:
    url = f"{LIST}{mails[0].pk}/change/"
    assert mails[0].address in text_of(operator, url)
    assert operator.post(url, {"address": "mallory@shop.test"}).status_code == 403
    assert operator.post(f"{LIST}{mails[0].pk}/delete/", {"post": "yes"}).status_code == 403
    assert CustomerMessage.objects.get(pk=mails[0].pk).address == "anna-0@shop.test"
