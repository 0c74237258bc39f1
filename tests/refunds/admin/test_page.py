"""Refunds on the page of their payment, their own page, the list, and the front page (G4)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payments.admin.overview.queues import card
from payments.audit import Because
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Client, OperatorTask, Payment
from refunds.admin.queues import STUCK
from refunds.models import Refund
from refunds.services.approve import approve
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import reload
from tests.refunds.admin.conftest import asked_by, page_of, paid, told, under_way, url_of, words_of
from tests.refunds.conftest import again

pytestmark = pytest.mark.django_db

LIST = "/admin/refunds/refund/"


def made(payment: Payment, amount: int, key: str, reference: str) -> Refund:
    attempt = under_way(asked_by("anna", payment, amount, key))
    return told(attempt, Kind.SUCCEEDED, reference=reference)


def rows(browser: Browser, query: str = "") -> list[str]:
    return [refund.pk for refund in browser.get(f"{LIST}{query}").context["cl"].result_list]


def test_the_payment_shows_what_became_of_its_money_and_every_refund(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    first = made(payment, 3000, "1", "re_1")
    asked_by("anna", payment, 2000, "2")
    page = words_of(operator, page_of(payment))
    last = reload(payment).processed_at
    assert last is not None
    for words in (
        "Captured 100.00 USD",
        "Refunded 30.00 USD",
        "Reserved for refunds under way 20.00 USD",
        "Still refundable 50.00 USD",
        "Last day for refunds",
        "(UTC), included",
        "primary re_1",
        "operator anna",
        "not needed",
        "The money went back",
        "Refund of 20.00 USD: A worker sends it to gateway primary.",
    ):
        assert words in page
    assert url_of(first) in text_of(operator, page_of(payment))


def test_the_timeline_of_the_payment_tells_the_refund(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    attempt = under_way(asked_by("anna", payment, 3000))
    told(attempt, Kind.UNKNOWN, "read_timeout")
    told(attempt, Kind.UNKNOWN, "closed", looked=True)
    told(attempt, Kind.SUCCEEDED, looked=True, reference="re_1")
    events = operator.get(page_of(payment)).context["events"]
    titles = [event.title for event in events if not event.title.startswith("Event no. ")]
    assert titles[-9:] == [
        "A refund was asked for and written down; its amount is reserved. Nothing was sent yet.",
        "A worker took the refund up and wrote it down before sending anything.",
        "Refund of 30.00 USD: attempt 1 was sent to primary: given back.",
        "No usable answer came: the money may or may not have gone back. It stays reserved.",
        "No usable answer came: the money may or may not have gone back.",
        "The gateway was asked again; what it said proves nothing yet.",
        "The gateway said that it gave the money back.",
        "The gateway gave the money back to the customer.",
        "30.00 USD were booked: debit refunds, credit gateway_balance.",
    ]
    requested = next(event for event in events if event.action == "refund.requested")
    assert (requested.who, requested.cause) == ("operator anna", "console:refund")
    facts = {fact.name: fact.text for fact in requested.facts}
    assert facts == {"Why": "Customer's request", "Amount": "30.00 USD", "Details": "origin: console"}


def test_the_page_of_a_refund_tells_all_that_is_known(shop: Client, viewer: Browser, operator: Browser) -> None:
    refund = made(paid(shop), 3000, "1", "re_1")
    page = words_of(viewer, url_of(refund))
    for words in (
        "30.00 USD",
        "The money went back",
        refund.payment_id,
        "ch_k1",
        "re_1",
        "operator anna",
        "Console",
        "30.00 USD were booked: debit refunds, credit gateway_balance.",
        "refund.created",
        "refund.succeeded",
        "Nothing more happens by itself. It ended",
    ):
        assert words in page


def test_the_page_of_a_refund_shows_nothing_of_another_one(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    first, second = made(payment, 3000, "1", "re_1"), made(payment, 2500, "2", "re_2")
    for own, other, amount in ((first, "re_2", "25.00 USD"), (second, "re_1", "30.00 USD")):
        page = words_of(operator, url_of(own))
        assert other not in page
        assert amount not in page


def test_a_refund_that_came_back_says_so(shop: Client, operator: Browser) -> None:
    refund = made(paid(shop), 3000, "1", "re_1")
    told(refund.attempts.get(), Kind.DECLINED, looked=True, decline_code="account_closed", reference="re_1")
    page = words_of(operator, url_of(refund))
    assert again(refund).state == "failed"
    assert "The customer did not get the money: the customer&#x27;s account is closed" in page
    assert "The money came back from the customer&#x27;s bank. Its amount can be refunded again." in page


def test_a_refund_made_at_the_gateway_is_marked_as_external(shop: Client, operator: Browser) -> None:
    refund = made(paid(shop), 3000, "1", "re_1")
    Refund.objects.filter(pk=refund.pk).update(origin="gateway")
    assert "External: made at the gateway's own dashboard" in words_of(operator, url_of(refund))
    assert "external: made at the gateway's own dashboard" in words_of(operator, page_of(refund.payment))
    assert "dashboard (external)" in words_of(operator, LIST)


def test_the_pages_cost_the_same_number_of_statements_whatever_happened(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    refund = made(payment, 100, "1", "re_1")
    counted: list[tuple[int, int]] = []
    for _ in range(2):
        found = []
        for url in (page_of(payment), url_of(refund)):
            with CaptureQueriesContext(connection) as queries:
                text_of(operator, url)
            found.append(len(queries))
        counted.append((found[0], found[1]))
        for number in range(2, 6):
            made(payment, 100, str(number), f"re_{number}")
    assert counted[0] == counted[1]
    assert counted[0][0] <= 26
    assert counted[0][1] <= 18


def test_refunds_are_found_by_id_payment_reference_and_key(shop: Client, operator: Browser) -> None:
    first = made(paid(shop), 3000, "1", "re_1")
    second = made(paid(shop, "k2"), 2000, "2", "re_2")
    for term, found in (
        (first.pk, [first.pk]),
        (second.payment_id, [second.pk]),
        ("re_1", [first.pk]),
        ("~console:2", [second.pk]),
        ("re_", []),
        ("", [second.pk, first.pk]),
    ):
        assert rows(operator, f"?q={term}") == found


def test_the_list_is_filtered_by_what_its_filters_offer_and_by_nothing_else(shop: Client, operator: Browser) -> None:
    first = made(paid(shop), 3000, "1", "re_1")
    second = asked_by("anna", paid(shop, "k2", amount=20_000), 15_000, "2")
    for query, found in (
        ("state__exact=succeeded", [first.pk]),
        ("reason__exact=duplicate", []),
        ("origin__exact=console", [second.pk, first.pk]),
        ("gateway=primary", [second.pk, first.pk]),
        ("gateway=secondary", []),
        ("queue=to_approve", [second.pk]),
        ("queue=refund_unknown", []),
    ):
        assert rows(operator, f"?{query}") == found
    # Anything else is refused: the list could tell a key or a hash one character after the other.
    for column in ("idempotency_key__startswith", "parameters_hash__startswith", "client__form_secret__startswith"):
        assert operator.get(f"{LIST}?{column}=a").status_code in {302, 400}


def test_the_front_page_counts_what_waits_with_its_value(shop: Client, operator: Browser) -> None:
    asked_by("anna", paid(shop, amount=20_000), 15_000, "1")
    asked_by("anna", paid(shop, "k2", amount=20_000), 15_050, "2")
    asked_by("anna", paid(shop, "k3", amount=200_000, currency="KWD"), 150_005, "3")
    told(under_way(asked_by("anna", paid(shop, "k4"), 700, "4")), Kind.UNKNOWN)
    response = operator.get("/admin/")
    cards = {card.queue.slug: card for card in response.context["cards"]}
    assert (cards["to_approve"].count, cards["to_approve"].at_risk) == (3, ["150.005 KWD", "300.50 USD"])
    assert (cards["refund_unknown"].count, cards["refund_unknown"].at_risk) == (1, ["7.00 USD"])
    words = response.context["headline"].words
    assert "3 refunds wait for approval." in words
    assert "1 refund is being checked with its gateway." in words
    assert "queue=to_approve" in response.content.decode()


def test_a_refund_that_nobody_sends_for_two_minutes_is_on_the_front_page(shop: Client, operator: Browser) -> None:
    waits = asked_by("anna", paid(shop, amount=20_000), 15_000, "1")
    taken_on = told(under_way(asked_by("anna", paid(shop, "k2"), 700, "2")), Kind.PENDING, reference="re_2")
    stuck = asked_by("anna", paid(shop, "k3"), 900, "3")
    assert (waits.state, taken_on.state, stuck.state) == ("awaiting_approval", "processing", "requested")

    def counted(seconds: int) -> int:
        return card(STUCK, database_now() + timedelta(seconds=seconds)).count

    assert [counted(seconds) for seconds in (0, 115, 125)] == [0, 0, 1]
    assert card(STUCK, database_now() + timedelta(seconds=125)).at_risk == ["9.00 USD"]
    under_way(stuck)
    assert Refund.objects.get(pk=stuck.pk).state == "processing"
    assert counted(125) == 1
    assert rows(operator, "?queue=refund_stuck") == []
    assert "Refunds not sent for over 2 minutes" in text_of(operator, "/admin/")


def test_a_refund_that_was_approved_late_has_its_two_minutes_from_then(shop: Client, operator: Browser) -> None:
    refund = asked_by("anna", paid(shop, amount=20_000), 15_000)
    approve(refund.pk, Because("operator:sue", "console:approve"), seen=refund.parameters_hash)
    later = database_now() + timedelta(seconds=600)
    for approved_at, count in ((later - timedelta(seconds=60), 0), (later - timedelta(seconds=121), 1)):
        Refund.objects.filter(pk=refund.pk).update(approved_at=approved_at)
        assert card(STUCK, later).count == count


def test_the_queue_of_refunds_not_sent_is_read_by_a_partial_index(shop: Client) -> None:
    now = database_now()
    with CaptureQueriesContext(connection) as queries:
        card(STUCK, now)
    assert len(queries) == 1
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The table is too small here for any index to be worth it.
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "refund_not_succeeded" in STUCK.rows(now).explain()


def test_a_task_about_a_refund_leads_to_it(shop: Client, operator: Browser) -> None:
    refund = asked_by("anna", paid(shop), 3000)
    told(under_way(refund), Kind.DECLINED, decline_code="charge_unknown")
    task = OperatorTask.objects.get()
    assert task.kind == "refund_failed"
    page = text_of(operator, f"/admin/payments/operatortask/{task.pk}/change/")
    assert url_of(refund) in page
    assert "The customer does not have this money." in page


@pytest.mark.parametrize("act", ["add", "change", "delete"])
@pytest.mark.parametrize("model", ["refund"])
def test_not_even_an_administrator_edits_a_refund(
    shop: Client, operator: Browser, administrator: Browser, model: str, act: str
) -> None:
    refund = asked_by("anna", paid(shop), 3000)
    name = f"admin:refunds_{model}_{act}"
    url = reverse(name) if act == "add" else reverse(name, args=[refund.pk])
    before = list(Refund.objects.values())
    assert administrator.post(url, {"amount": 1, "state": "succeeded", "post": "yes"}).status_code == 403
    assert list(Refund.objects.values()) == before


def permissions_of(role: str) -> set[str]:
    names: Any = Group.objects.get(name=role).permissions.values_list("codename", flat=True)
    return set(names)


def test_the_roles_see_refunds_and_only_the_supervisor_approves() -> None:
    views = {"view_refund", "view_complaint", "view_dispute", "view_payment"}
    acts = {"request_refund", "approve_refund"}
    found = {role: permissions_of(role) for role in ("Viewer", "Operator", "Supervisor")}
    assert all(views <= names for names in found.values())
    assert {role: names & acts for role, names in found.items()} == {
        "Viewer": set(),
        "Operator": {"request_refund"},
        "Supervisor": acts,
    }
    assert found["Supervisor"] - found["Operator"] == {"approve_refund"}
