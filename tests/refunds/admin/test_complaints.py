"""Complaints at the console: taken on once for each form, decided by the policy, listed read only (D4)."""

from html import unescape

import pytest
from django.test import Client as Browser

from payments.models import Client, OperatorTask, Order
from refunds.models import Complaint, Refund
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import reload
from tests.refunds.admin.conftest import NONCE, asked_by, everything, page_of, paid, url_of, words_of

pytestmark = pytest.mark.django_db

FORM = f"/admin/refunds/complaint/add/?form={NONCE}"


def said(shop: Client, order: str = "k1", **more: str) -> dict[str, str]:
    return {"client": str(shop.pk), "order": order, "words": "The lid is broken.", **more}


def confirmed(shop: Client, order: str = "k1", **more: str) -> dict[str, str]:
    return said(shop, order, confirmed="yes", **more)


def known_customer(order: str = "k1") -> None:
    Order.objects.filter(reference=order).update(customer_reference=f"customer-{order}")


def test_a_small_order_is_refunded_at_once_and_the_page_says_why(shop: Client, operator: Browser) -> None:
    payment = paid(shop, amount=4999)
    known_customer()
    page = unescape(operator.post(FORM, said(shop)).content.decode())
    assert "If less than 50.00 USD of this order can still be refunded" in page
    assert Complaint.objects.count() == 0
    after = unescape(operator.post(FORM, confirmed(shop), follow=True).content.decode())
    assert "49.99 USD are refunded at once: 49.99 USD is below the limit of 50.00 USD" in after
    refund = Refund.objects.get()
    assert (refund.amount, refund.reason, refund.origin, refund.state) == (
        4999,
        "proactive_customer_satisfaction",
        "proactive",
        "requested",
    )
    assert refund.requested_by == "operator:anna"
    assert reload(payment).refund_reserved == 4999
    complaint = Complaint.objects.get()
    assert f"/admin/refunds/complaint/{complaint.pk}/change/" in text_of(operator, url_of(refund))
    assert url_of(refund) in text_of(operator, f"/admin/refunds/complaint/{complaint.pk}/change/")


def test_a_larger_order_becomes_a_task_and_nothing_moves(shop: Client, operator: Browser) -> None:
    payment = paid(shop, amount=5000)
    known_customer()
    page = unescape(operator.post(FORM, confirmed(shop), follow=True).content.decode())
    assert "Nothing is refunded yet: a person decides. 50.00 USD is not below the limit of 50.00 USD." in page
    task = OperatorTask.objects.get(kind="refund_review")
    assert f"/admin/payments/operatortask/{task.pk}/change/" in page
    assert (Refund.objects.count(), reload(payment).refund_reserved) == (0, 0)
    told = text_of(operator, f"/admin/payments/operatortask/{task.pk}/change/")
    assert f"/admin/refunds/complaint/{Complaint.objects.get().pk}/change/" in told
    timeline = words_of(operator, page_of(payment))
    assert "A complaint came, and the policy asked people to decide." in timeline


def test_a_form_that_is_sent_again_is_one_complaint(shop: Client, operator: Browser) -> None:
    paid(shop, amount=4999)
    known_customer()
    operator.post(FORM, confirmed(shop))
    before = everything()
    for response in (operator.post(FORM, confirmed(shop)), operator.post(FORM, said(shop)), operator.get(FORM)):
        assert response["Location"] == f"/admin/refunds/complaint/{Complaint.objects.get().pk}/change/"
    assert everything() == before


def test_what_cannot_be_refunded_is_refused_in_words(shop: Client, operator: Browser) -> None:
    payment = paid(shop, amount=4999)
    known_customer()
    asked_by("anna", payment, 4999)
    before = everything()
    page = operator.post(FORM, confirmed(shop)).content.decode()
    assert "Everything that was captured is refunded or being refunded. Nothing was" in page
    assert (Complaint.objects.count(), everything()) == (0, before)


def test_an_order_that_the_shop_does_not_have_is_refused(shop: Client, operator: Browser) -> None:
    page = operator.post(FORM, confirmed(shop, "elsewhere")).content.decode()
    assert "This shop has no such order." in page
    assert Complaint.objects.count() == 0


def test_the_payments_page_leads_to_the_form_which_is_filled_in(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    address = f"/admin/refunds/complaint/add/?client={shop.pk}&order=k1"
    assert address in unescape(text_of(operator, page_of(payment)))
    numbered = operator.get(address)["Location"]
    assert numbered.startswith(f"{address}&form=")
    page = text_of(operator, numbered)
    assert 'value="k1"' in page
    assert f'value="{shop.pk}" selected' in page


def test_a_viewer_reads_complaints_and_takes_none_on(shop: Client, operator: Browser, viewer: Browser) -> None:
    paid(shop, amount=5000)
    known_customer()
    operator.post(FORM, confirmed(shop))
    assert "50.00 USD" in text_of(viewer, "/admin/refunds/complaint/")
    before = everything()
    assert viewer.get(FORM).status_code == 403
    assert viewer.post(FORM, confirmed(shop)).status_code == 403
    assert everything() == before


def test_complaints_are_found_by_id_and_order(shop: Client, operator: Browser) -> None:
    paid(shop, amount=5000)
    known_customer()
    operator.post(FORM, confirmed(shop))
    complaint = Complaint.objects.get()
    for term, found in ((complaint.pk, 1), ("k1", 1), (complaint.order_id, 1), ("k", 0)):
        assert len(operator.get(f"/admin/refunds/complaint/?q={term}").context["cl"].result_list) == found


@pytest.mark.parametrize("act", ["change", "delete"])
def test_not_even_an_administrator_edits_a_complaint(
    shop: Client, operator: Browser, administrator: Browser, act: str
) -> None:
    paid(shop, amount=5000)
    known_customer()
    operator.post(FORM, confirmed(shop))
    url = f"/admin/refunds/complaint/{Complaint.objects.get().pk}/{act}/"
    before = list(Complaint.objects.values())
    assert administrator.post(url, {"words": "changed", "post": "yes"}).status_code == 403
    assert list(Complaint.objects.values()) == before
