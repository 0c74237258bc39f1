"""Whom operators trust with orders that are charged later: set with a reason, and on record (requirement B7)."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.models import Client, CustomerStanding
from tests.payments.admin.conftest import browser_of, text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/customerstanding/"
ADD = f"{LIST}add/"


def change_of(row: CustomerStanding) -> str:
    return f"{LIST}{row.pk}/change/"


def forget_of(row: CustomerStanding) -> str:
    return f"{LIST}{row.pk}/forget/"


def everything() -> list[object]:
    return [*CustomerStanding.objects.order_by("pk").values(), LogEntry.objects.count()]


def history() -> list[tuple[str, str]]:
    return [(str(entry.user), entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]


@pytest.fixture
def known(shop: Client) -> CustomerStanding:
    many: dict[str, Any] = {"trusted": True, "reason": "pays every week", "set_by": "bert"}
    return CustomerStanding.objects.create(client=shop, customer_reference="c-1", set_at=Now(), **many)


def test_an_operator_adds_a_customer_with_a_reason(shop: Client, operator: Browser) -> None:
    data = {"client": shop.pk, "customer_reference": "c-1", "trusted": "True", "reason": "known for ten years"}
    assert operator.post(ADD, {**data, "set_by": "somebody else"}).status_code == 302
    row = CustomerStanding.objects.get()
    assert (row.client, row.customer_reference, row.trusted) == (shop, "c-1", True)
    assert (row.reason, row.set_by) == ("known for ten years", "anna")
    assert history() == [("anna", "Trusted: known for ten years")]


def test_a_change_asks_for_a_new_reason_and_keeps_the_customer(
    shop: Client, known: CustomerStanding, operator: Browser
) -> None:
    page = text_of(operator, change_of(known))
    assert "pays every week" in page
    assert "bert" in page
    assert "pays every week" not in page.partition("<textarea")[2].partition("</textarea>")[0]
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    data = {"trusted": "False", "reason": "took the goods", "client": other.pk, "customer_reference": "c-2"}
    assert operator.post(change_of(known), data).status_code == 302
    row = CustomerStanding.objects.get()
    assert (row.client, row.customer_reference, row.trusted) == (shop, "c-1", False)
    assert (row.reason, row.set_by) == ("took the goods", "anna")
    assert row.set_at > known.set_at
    assert history() == [("anna", "Not trusted: took the goods")]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_nothing_is_set_without_a_reason_that_fits(
    shop: Client, known: CustomerStanding, operator: Browser, reason: str
) -> None:
    before = everything()
    data = {"client": shop.pk, "customer_reference": "c-2", "trusted": "False", "reason": reason}
    assert operator.post(ADD, data).status_code == 200
    assert operator.post(change_of(known), data).status_code == 200
    assert operator.post(forget_of(known), {"reason": reason}).status_code == 200
    assert everything() == before


@pytest.mark.parametrize("trusted", ["", "maybe"])
def test_trusted_or_not_must_be_said(shop: Client, operator: Browser, trusted: str) -> None:
    data = {"client": shop.pk, "customer_reference": "c-2", "trusted": trusted, "reason": "because"}
    assert operator.post(ADD, data).status_code == 200
    assert CustomerStanding.objects.count() == 0


def test_a_customer_has_one_standing(shop: Client, known: CustomerStanding, operator: Browser) -> None:
    data = {"client": shop.pk, "customer_reference": "c-1", "trusted": "False", "reason": "because"}
    assert "already exists" in operator.post(ADD, data).content.decode()
    assert CustomerStanding.objects.get().trusted


def test_a_customer_is_found_by_the_shops_reference(shop: Client, known: CustomerStanding, viewer: Browser) -> None:
    CustomerStanding.objects.create(client=shop, customer_reference="c-11", trusted=False, reason="r", set_by="bert")
    for term, found in (("c-1", {"c-1"}), (" c-11 ", {"c-11"}), ("c-", set()), ("", {"c-1", "c-11"})):
        rows = viewer.get(LIST, {"q": term}).context["cl"].result_list
        assert {row.customer_reference for row in rows} == found


def test_the_rule_decides_again_after_a_confirmation_with_a_reason(known: CustomerStanding, operator: Browser) -> None:
    assert forget_of(known) in text_of(operator, change_of(known))
    assert "the rule decides whether this customer is trusted" in text_of(operator, forget_of(known))
    assert CustomerStanding.objects.count() == 1
    response = operator.post(forget_of(known), {"reason": "set by mistake"})
    assert (response.status_code, response["Location"]) == (302, LIST)
    assert CustomerStanding.objects.count() == 0
    assert history() == [("anna", "The rule decides again: set by mistake")]


def test_a_viewer_sees_and_sets_nothing(shop: Client, known: CustomerStanding, viewer: Browser) -> None:
    before = everything()
    page = text_of(viewer, change_of(known))
    assert "pays every week" in page
    assert forget_of(known) not in page
    data = {"client": shop.pk, "customer_reference": "c-2", "trusted": "True", "reason": "please"}
    assert [viewer.post(url, data).status_code for url in (ADD, change_of(known), forget_of(known))] == [403] * 3
    assert everything() == before


def test_nobody_deletes_without_a_reason(known: CustomerStanding, administrator: Browser) -> None:
    assert administrator.post(f"{LIST}{known.pk}/delete/", {"post": "yes"}).status_code == 403
    assert CustomerStanding.objects.count() == 1


def test_who_may_not_see_standings_sees_none(known: CustomerStanding) -> None:
    nobody = browser_of("nobody")
    assert [nobody.get(url).status_code for url in (LIST, change_of(known), forget_of(known))] == [403] * 3


def test_a_standing_that_does_not_exist_is_not_found(operator: Browser) -> None:
    assert operator.get(f"{LIST}99/forget/").status_code == 404
