"""Disputes on the page of their payment, their own page, the list, and the front page (D5, G4)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from disputes.admin.queue import NEED_RESPONSE
from disputes.models import Dispute
from payments.admin.formats import utc
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Client, Payment
from tests.disputes.admin.conftest import (
    LIST,
    answered,
    ask_of,
    everything,
    payment_page,
    text_of,
    told,
    url_of,
    words_of,
)
from tests.refunds.admin.conftest import asked_by, paid, under_way
from tests.refunds.admin.conftest import told as refund_told

pytestmark = pytest.mark.django_db


def rows(browser: Browser, query: str = "") -> list[str]:
    return [dispute.pk for dispute in browser.get(f"{LIST}{query}").context["cl"].result_list]


def refunded(payment: Payment, amount: int, key: str = "1") -> None:
    refund_told(under_way(asked_by("anna", payment, amount, key)), Kind.SUCCEEDED, reference=f"re_{key}")


def test_a_payment_without_disputes_says_nothing_of_them(payment: Payment, operator: Browser) -> None:
    assert 'id="disputes"' not in text_of(operator, payment_page(payment))


def test_the_payment_says_what_is_frozen_and_by_when_to_answer(payment: Payment, operator: Browser) -> None:
    dispute = answered(told(payment))
    page = words_of(operator, payment_page(payment))
    for words in (
        "Held by open disputes 40.00 USD",
        "Refunded or being refunded 0.00 USD",
        "Nothing was refunded beside it: nothing can be lost twice.",
        "Nothing of this payment can be refunded until its disputes have ended",
        "Answer it at the own console of gateway primary, as dp_1, until ",
        f"{utc(dispute.respond_by)}: 13 d 23 h are left.",
        "The bank holds the money until it has decided",
        "the customer says that somebody else paid (fraudulent)",
        "Dispute of 40.00 USD: Gateway primary is asked how it stands in ",
    ):
        assert words in page
    assert url_of(dispute) in text_of(operator, payment_page(payment))


def test_money_that_may_be_lost_twice_is_said_in_plain_words(payment: Payment, operator: Browser) -> None:
    refunded(payment, 7000)
    dispute = answered(told(payment, amount=5000))
    page = words_of(operator, payment_page(payment))
    for words in (
        "More than was captured 20.00 USD",
        "70.00 USD went back to the customer or is on its way, and the bank holds 50.00 USD.",
        "If the bank decides for the customer, 20.00 USD is lost twice.",
        "Answer the dispute with the refunds as evidence",
    ):
        assert words in page
    answered(dispute, "lost")
    words = "70.00 USD was refunded and 50.00 USD lost in disputes: 20.00 USD was lost twice."
    assert words in words_of(operator, payment_page(payment))
    answered(dispute, "won")
    assert "No dispute holds or took anything now." in words_of(operator, payment_page(payment))


def test_a_partial_refund_beside_a_partial_dispute_may_be_lost_twice_as_well(
    payment: Payment, operator: Browser
) -> None:
    refunded(payment, 3000)
    dispute = answered(told(payment))
    page = words_of(operator, url_of(dispute))
    assert (
        "If the dispute is about what was refunded, and the bank decides for the customer, that is lost twice." in page
    )
    assert "More than was captured" not in page
    answered(dispute, "lost")
    words = "30.00 USD was refunded and 40.00 USD lost in disputes: together not more than was captured."
    assert words in words_of(operator, url_of(dispute))


def test_the_timeline_of_the_payment_tells_the_dispute_with_colours(payment: Payment, operator: Browser) -> None:
    refunded(payment, 3000)
    dispute = answered(told(payment), amount=3500)
    answered(dispute, "lost")
    answered(dispute)
    answered(dispute, "won")
    events = operator.get(payment_page(payment)).context["events"]
    told_of = [event for event in events if event.action.startswith("dispute.")]
    assert [(event.title, event.colour) for event in told_of] == [
        ("The gateway says that the customer disputes the charge. Nothing is refunded until it has ended.", "danger"),
        ("The gateway was asked and confirmed the dispute.", "warning"),
        ("The dispute was lost: its money is gone.", "danger"),
        ("The gateway says that the dispute goes on.", "danger"),
        ("The dispute was won: its money is the shop's again.", "success"),
    ]
    facts = [{fact.name: fact.text for fact in event.facts} for event in told_of]
    assert facts[0] == {
        "Why": "the customer says that somebody else paid (fraudulent)",
        "Amount": "40.00 USD",
        "Refunded or being refunded then": "30.00 USD",
        "Dispute at the gateway": "dp_1",
    }
    assert (facts[1]["Amount"], facts[1]["Amount before"]) == ("35.00 USD", "40.00 USD")
    assert "Amount before" not in facts[2]
    assert (facts[2]["State"], facts[2]["Amount"]) == ("needs_response → lost", "35.00 USD")


def test_the_page_of_a_dispute_tells_all_that_is_known(payment: Payment, viewer: Browser) -> None:
    dispute = told(payment)
    page = words_of(viewer, url_of(dispute))
    for words in ("40.00 USD", "Needs a response", "has not confirmed it yet", "ch_k1", "dp_1", "not yet", "Shop"):
        assert words in page
    assert "Dispute there" in page
    answered(dispute, "unknown", trouble="read_timeout")
    page = words_of(viewer, url_of(dispute))
    assert "The last time nothing was learnt: no answer within the time allowed (read_timeout)." in page
    answered(dispute, "won")
    page = words_of(viewer, url_of(dispute))
    assert "The bank decided for the shop" in page
    assert "Nothing more happens by itself; should it go on, the gateway tells us." in page
    titles = [event.title for event in viewer.get(url_of(dispute)).context["events"]]
    assert "primary told us by webhook: dispute.created." in titles
    assert [title for title in titles if title.startswith("Event no. ")] == [
        "Event no. 3 for the shop: dispute.created, not handed out yet.",
        "Event no. 4 for the shop: dispute.won, not handed out yet.",
    ]


def test_the_page_of_a_dispute_tells_of_no_other(payment: Payment, viewer: Browser) -> None:
    told(payment, 1)
    second = told(payment, 2, amount=100)
    events = viewer.get(url_of(second)).context["events"]
    assert len(events) == 3
    assert "dp_1" not in words_of(viewer, url_of(second))


def test_a_date_that_is_over_is_said_so(payment: Payment, viewer: Browser) -> None:
    dispute = told(payment)
    Dispute.objects.update(respond_by=Now() - timedelta(hours=5, seconds=30))
    page = words_of(viewer, url_of(dispute))
    assert ", 5 h ago. Ask gateway primary whether an answer is still taken." in page
    Dispute.objects.update(respond_by=None)
    assert "soon: the gateway has not said until when." in words_of(viewer, url_of(dispute))


def test_what_a_gateway_says_is_shown_as_text(payment: Payment, viewer: Browser) -> None:
    evil = "<img src=x onerror=alert(1)>"
    dispute = told(payment, reason=evil)
    for url in (url_of(dispute), payment_page(payment), LIST):
        page = text_of(viewer, url)
        assert evil not in page
        assert "&lt;img src=x" in page


def test_the_pages_cost_the_same_number_of_statements_whatever_happened(payment: Payment, operator: Browser) -> None:
    dispute = answered(told(payment, amount=100))
    counted = []
    for _ in range(2):
        found = []
        for url in (payment_page(payment), url_of(dispute), "/admin/"):
            with CaptureQueriesContext(connection) as queries:
                text_of(operator, url)
            found.append(len(queries))
        counted.append(found)
        for number in range(2, 6):
            answered(told(payment, number, amount=100), "lost" if number % 2 else "open")
    assert counted[0] == counted[1]
    assert counted[0][1] <= 13


def test_disputes_are_found_by_id_payment_and_reference(shop: Client, operator: Browser) -> None:
    first, second = told(paid(shop), 1), told(paid(shop, "k2"), 2)
    for term, found in (
        (first.pk, [first.pk]),
        (second.payment_id, [second.pk]),
        ("dp_1", [first.pk]),
        ("dp_", []),
        ("", [second.pk, first.pk]),
    ):
        assert rows(operator, f"?q={term}") == found


def test_the_list_says_what_stands_in_words(payment: Payment, viewer: Browser) -> None:
    told(payment)
    page = words_of(viewer, LIST)
    for words in ("40.00 USD", "Needs a response", "somebody else paid", "primary dp_1", "0.00 USD", "not yet"):
        assert words in page


def test_the_list_is_filtered_by_what_its_filters_offer_and_by_nothing_else(shop: Client, operator: Browser) -> None:
    first = told(paid(shop), 1)
    second = answered(told(paid(shop, "k2"), 2), "won")
    for query, found in (
        ("status__exact=won", [second.pk]),
        ("status__exact=lost", []),
        ("gateway=primary", [second.pk, first.pk]),
        ("gateway=secondary", []),
        ("queue=need_response", [first.pk]),
    ):
        assert rows(operator, f"?{query}") == found
    # Anything else is refused: the list could tell a key or a secret one character after the other.
    for column in ("payment__idempotency_key__startswith", "payment__client__form_secret__startswith"):
        assert operator.get(f"{LIST}?{column}=a").status_code in {302, 400}


def test_the_front_page_counts_disputes_with_value_and_first_date(shop: Client, operator: Browser) -> None:
    told(paid(shop), 1, days=14)
    sooner = told(paid(shop, "k2"), 2, days=3)
    told(paid(shop, "k3", amount=200_000, currency="KWD"), 3, amount=150_005, currency="KWD")
    answered(told(paid(shop, "k4"), 4, days=1), "lost")
    response = operator.get("/admin/")
    card = next(card for card in response.context["cards"] if card.queue.slug == "need_response")
    assert (card.count, card.at_risk) == (3, ["150.005 KWD", "80.00 USD"])
    assert card.deadline == f"{utc(sooner.respond_by)}, in 2 d 23 h"
    assert "3 disputes need a response." in response.context["headline"].words
    page = response.content.decode()
    assert f"First one due: {card.deadline}" in page
    assert f'href="{LIST}?queue=need_response"' in page
    Dispute.objects.filter(pk=sooner.pk).update(respond_by=Now() - timedelta(minutes=1))
    assert ", which is over" in text_of(operator, "/admin/")


def test_the_front_page_says_nothing_due_where_no_dispute_has_a_date(payment: Payment, operator: Browser) -> None:
    told(payment, due_by=None)
    page = text_of(operator, "/admin/")
    assert "1 dispute needs a response." in page
    assert "First one due" not in page


def test_open_disputes_are_found_by_the_index_of_what_is_due() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("The plan is SQLite's; PostgreSQL reads so few rows without any index.")
    plan = NEED_RESPONSE.rows(database_now()).order_by(NEED_RESPONSE.order)[:10].explain()
    assert "dispute_due" in plan


@pytest.mark.parametrize("act", ["add", "change", "delete"])
def test_not_even_an_administrator_edits_a_dispute(payment: Payment, administrator: Browser, act: str) -> None:
    dispute = told(payment)
    name = f"admin:disputes_dispute_{act}"
    url = reverse(name) if act == "add" else reverse(name, args=[dispute.pk])
    before = everything()
    assert administrator.post(url, {"amount": 1, "status": "won", "post": "yes"}).status_code == 403
    assert everything() == before


@pytest.mark.parametrize("id_", ["dp_none", "pay_01jd3mabcdefghjkmnpqrstvwx", "dp_01jd3mabcdefghjkmnpqrstvwx"])
def test_a_dispute_that_does_not_exist_is_not_found(operator: Browser, id_: str) -> None:
    missing: Any = Dispute(pk=id_)
    for url in (url_of(missing), ask_of(missing)):
        assert operator.get(url).status_code == 404
