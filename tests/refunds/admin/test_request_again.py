"""A form at the console asks for one refund, however often and however changed it is sent (D1, G4)."""

import re
from dataclasses import replace
from html import unescape

import pytest
from django.test import Client as Browser

from payments.audit import Because
from payments.models import Client
from refunds.models import Refund
from refunds.services.request import Requested, Wanted, request
from tests.payments.admin.conftest import text_of
from tests.refunds.admin.conftest import OTHER, confirmed, everything, form_of, money_of, paid, said, url_of

pytestmark = pytest.mark.django_db


def test_opening_the_form_gives_it_a_number_of_its_own(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    bare = f"/admin/refunds/refund/of/{payment.pk}/"
    addresses = {operator.get(bare)["Location"] for _ in range(2)}
    assert len(addresses) == 2
    assert all(re.fullmatch(rf"{bare}\?form=[A-Za-z0-9_-]{{22}}", address) for address in addresses)


@pytest.mark.parametrize("bad", ["", "short", "~" * 22, "A" * 23])
def test_a_number_of_another_form_is_replaced(shop: Client, operator: Browser, bad: str) -> None:
    payment = paid(shop)
    response = operator.post(form_of(payment, bad), confirmed())
    assert response.status_code == 302
    assert Refund.objects.count() == 0


def test_a_form_that_is_sent_twice_makes_one_refund(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    for _ in range(2):
        response = operator.post(form_of(payment), confirmed("30.00"), follow=True)
    assert response.redirect_chain == [(url_of(Refund.objects.get()), 302)]
    assert "This form had been sent already: it is one refund" in response.content.decode()
    assert money_of(payment) == (3000, 0)


def test_going_back_to_a_used_form_leads_to_its_refund(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    operator.post(form_of(payment), confirmed("30.00"))
    before = everything()
    for page in (text_of(operator, form_of(payment)), operator.post(form_of(payment), said("55.00")).content.decode()):
        assert "This form was used already" in page
        assert url_of(Refund.objects.get()) in page
    assert everything() == before


def test_a_used_form_that_comes_with_another_amount_says_that_this_was_not_refunded(
    shop: Client, operator: Browser
) -> None:
    payment = paid(shop)
    operator.post(form_of(payment), confirmed("20.00"))
    before = everything()
    for data in (said("35.00"), confirmed("35.00")):
        response = operator.post(form_of(payment), data)
        page = unescape(response.content.decode())
        assert response.status_code == 200
        assert "35.00 USD was NOT refunded." in page
        assert "To refund 35.00 USD as well, open the form anew" in page
        assert url_of(Refund.objects.get()) in page
        assert f'href="/admin/refunds/refund/of/{payment.pk}/"' in page
    assert everything() == before


@pytest.mark.parametrize("change", [{"reason": "duplicate"}, {"note": "Another"}, {"amount": "x"}, {"reason": ""}])
def test_a_used_form_that_comes_with_other_words_says_that_nothing_was_done(
    shop: Client, operator: Browser, change: dict[str, str]
) -> None:
    payment = paid(shop)
    operator.post(form_of(payment), confirmed("20.00"))
    before = everything()
    page = operator.post(form_of(payment), {**confirmed("20.00"), **change}).content.decode()
    assert "What you sent now differs from what was asked for with this form, and was NOT refunded." in page
    assert everything() == before


def test_a_used_form_that_comes_with_the_same_again_does_not_say_that_it_was_not_refunded(
    shop: Client, operator: Browser
) -> None:
    payment = paid(shop)
    operator.post(form_of(payment), confirmed("20.00"))
    for page in (text_of(operator, form_of(payment)), operator.post(form_of(payment), said("20.00")).content.decode()):
        assert "This form was used already" in page
        assert "NOT refunded" not in page


def test_two_confirmations_of_one_form_at_the_same_time_say_which_was_not_refunded(
    shop: Client, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = paid(shop)

    def beaten(wanted: Wanted, because: Because) -> Requested:
        request(replace(wanted, amount=2000), because)
        return request(wanted, because)

    monkeypatch.setattr("refunds.admin.request.view.request", beaten)
    page = operator.post(form_of(payment), confirmed("35.00")).content.decode()
    assert "35.00 USD was NOT refunded." in page
    assert (Refund.objects.get().amount, money_of(payment)) == (2000, (2000, 0))


def test_a_form_that_was_used_for_another_payment_names_that_payment(shop: Client, operator: Browser) -> None:
    first, second = paid(shop), paid(shop, "k2")
    operator.post(form_of(first), confirmed("20.00"))
    before = everything()
    for response in (
        operator.get(form_of(second)),
        operator.post(form_of(second), said("20.00")),
        operator.post(form_of(second), confirmed("20.00")),
    ):
        page = response.content.decode()
        assert response.status_code == 200
        assert f"With it a refund of payment {first.pk} was asked for" in re.sub("<[^>]+>", "", page)
        assert f"of payment {second.pk} it refunds nothing." in page
        assert f'href="/admin/refunds/refund/of/{second.pk}/"' in page
    assert everything() == before


def test_a_form_that_is_opened_anew_asks_for_another_refund(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    operator.post(form_of(payment), confirmed("30.00"))
    operator.post(form_of(payment, OTHER), confirmed("30.00"))
    assert (Refund.objects.count(), money_of(payment)) == (2, (6000, 0))
