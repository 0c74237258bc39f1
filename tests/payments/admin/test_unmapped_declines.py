"""Codes that nobody mapped are listed with their counts, and lead to the form that maps them (requirement B5)."""

import html
import re

import pytest
from django.test import Client as Browser

from payments.models import DeclineRule, UnmappedDecline
from payments.services.decline_rules import OTHER, RuleValues, change, note_unmapped
from tests.payments.admin.conftest import text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/unmappeddecline/"


@pytest.fixture(autouse=True)
def _counted() -> None:
    note_unmapped(
        [("primary", "moon_phase")] * 3 + [("secondary", "sun_phase"), ("primary", "?"), ("primary", "stolen_x")]
    )


def listed(browser: Browser) -> list[tuple[str, str, int]]:
    rows = browser.get(LIST).context["cl"].result_list
    return [(row.gateway, row.code, row.count) for row in rows]


def test_the_most_frequent_code_stands_first(viewer: Browser) -> None:
    assert listed(viewer)[0] == ("primary", "moon_phase", 3)
    assert {code for _, code, _ in listed(viewer)} == {"moon_phase", "sun_phase", "stolen_x", OTHER}


def test_map_this_code_opens_the_form_filled(administrator: Browser, viewer: Browser) -> None:
    links = [
        html.unescape(link)
        for link in re.findall(r'href="([^"]*declinerule/add/\?[^"]*)"', text_of(administrator, LIST))
    ]
    assert sorted(links) == [
        "/admin/payments/declinerule/add/?gateway=primary&code=moon_phase",
        "/admin/payments/declinerule/add/?gateway=primary&code=stolen_x",
        "/admin/payments/declinerule/add/?gateway=secondary&code=sun_phase",
    ]
    form = administrator.get(links[0]).context["form"]
    filled = {name: form[name].value() for name in ("gateway", "code", "decline_class", "needs_another_card")}
    assert filled == {
        "gateway": "primary",
        "code": links[0].rpartition("=")[2],
        "decline_class": "fraud" if "stolen" in links[0] else "hard",
        "needs_another_card": True,
    }
    assert "declinerule/add/" not in text_of(viewer, LIST)


def test_a_code_whose_name_gives_fraud_away_is_offered_as_fraud(administrator: Browser) -> None:
    form = administrator.get("/admin/payments/declinerule/add/?gateway=primary&code=stolen_x").context["form"]
    assert (form["decline_class"].value(), form["customer_message"].value()) == ("fraud", "")


def test_a_mapped_code_leaves_the_list_even_where_it_was_counted_later(viewer: Browser) -> None:
    words = "The moon is full. You were not charged."
    values = RuleValues("hard", "Full moon", words, needs_another_card=True)
    change("", "moon_phase", values, seen=None, operator="anna", reason="known now")
    assert not UnmappedDecline.objects.filter(code="moon_phase").exists()
    note_unmapped([("primary", "moon_phase")])
    assert "moon_phase" not in {code for _, code, _ in listed(viewer)}
    DeclineRule.objects.filter(code="moon_phase").update(gateway="secondary")
    assert "moon_phase" in {code for _, code, _ in listed(viewer)}


def test_an_empty_list_that_nobody_can_add_to_does_not_say_so(administrator: Browser) -> None:
    page = text_of(administrator, f"{LIST}?q=no_such_code")
    assert "Nothing fits the search and the filters." in page
    UnmappedDecline.objects.all().delete()
    page = text_of(administrator, LIST)
    assert "No gateway declined with a code that has no rule." in page
    assert "Create a new item" not in page
    page = text_of(administrator, "/admin/payments/recoveryrun/?trigger__exact=by_hand")
    assert "Nothing fits the search and the filters." in page
    assert "Create a new item" not in page


def test_nobody_adds_changes_or_deletes_a_count(administrator: Browser) -> None:
    row = UnmappedDecline.objects.get(code="moon_phase")
    for url in (f"{LIST}add/", f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/delete/"):
        assert administrator.post(url, {"count": 0, "post": "yes"}).status_code == 403
    row.refresh_from_db()
    assert row.count == 3
