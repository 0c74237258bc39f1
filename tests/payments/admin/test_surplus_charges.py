"""What a gateway took without right, and when it was given back, as operators see it (requirement C4)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client as Browser

from payments.admin.payment.event import Event
from payments.admin.payment.next_step import next_step
from payments.admin.payment.search import find
from payments.admin.sentences import of_surplus
from payments.gateways.base import Kind, Outcome
from payments.models import AuditEntry, Client, LedgerPosting, OperatorTask, Payment, SurplusCharge
from payments.services.give_back import heard as told
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, after, reload, sent

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/surpluscharge/"
NOW = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


@pytest.fixture
def charge(shop: Client) -> SurplusCharge:
    """A second charge of 12.50 USD, ch_2, on a paid payment."""
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    after(attempt, Kind.SUCCEEDED, reference="ch_2")
    return SurplusCharge.objects.get()


def refused(charge: SurplusCharge) -> SurplusCharge:
    told(charge.pk, Outcome(Kind.REJECTED, "rejected", message="Too old to be canceled."), BECAUSE)
    return SurplusCharge.objects.get(pk=charge.pk)


def returned(charge: SurplusCharge) -> SurplusCharge:
    SurplusCharge.objects.update(tries=1)
    told(charge.pk, Outcome(Kind.VOIDED, "canceled", message="Canceled."), BECAUSE)
    return SurplusCharge.objects.get(pk=charge.pk)


def page_of(charge: SurplusCharge) -> str:
    return f"/admin/payments/payment/{charge.payment_id}/change/"


def event(browser: Browser, charge: SurplusCharge, action: str) -> Event:
    events: list[Event] = browser.get(page_of(charge)).context["events"]
    return next(event for event in events if event.action == action)


def facts(event: Event) -> dict[str, str]:
    return {fact.name: fact.text for fact in event.facts}


def test_a_found_charge_is_on_the_timeline_with_amount_charge_id_and_reason(
    charge: SurplusCharge, operator: Browser
) -> None:
    found = event(operator, charge, "surplus.found")
    assert (found.title, found.colour) == (
        "The gateway took money that no payment may keep. It is given back by itself.",
        "danger",
    )
    assert facts(found) == {
        "Why": "the gateway charged the customer a second time (duplicate_charge)",
        "Amount": "12.50 USD",
        "Charge id at the gateway": "ch_2",
        "Reason": "Charged twice",
        "Given back": "not yet",
    }


def test_a_returned_charge_is_on_the_timeline_with_the_gateways_words(charge: SurplusCharge, operator: Browser) -> None:
    returned(charge)
    assert "Given back" not in facts(event(operator, charge, "surplus.found"))
    last = event(operator, charge, "surplus.returned")
    assert (last.title, last.colour) == ("The gateway gave that money back to the customer.", "success")
    assert facts(last) == {
        "State": "owed → returned",
        "Amount": "12.50 USD",
        "Charge id at the gateway": "ch_2",
        "Reason": "Charged twice",
        "The gateway's words": "voided: canceled. Canceled.",
        "Tries to give it back": "1",
    }


def test_a_refusal_is_on_the_timeline_with_the_gateways_words(charge: SurplusCharge, operator: Browser) -> None:
    refused(charge)
    last = event(operator, charge, "surplus.refused")
    assert last.colour == "danger"
    assert facts(last)["The gateway's words"] == "rejected: rejected. Too old to be canceled."
    assert facts(last)["Given back"] == "not yet"


def step(charge: SurplusCharge, **changes: object) -> str:
    payment = reload(charge.payment)
    payment.processed_at = NOW - timedelta(minutes=1)
    for name, value in changes.items():
        setattr(charge, name, value)
    return next_step(payment, [], NOW, [charge])


def test_what_happens_next_is_that_the_money_is_given_back(charge: SurplusCharge) -> None:
    ended = "It ended 2026-03-01 11:59:00 UTC. 12.50 USD are to be given back (charge ch_2): gateway primary is told"
    assert step(charge, due_at=NOW) == f"{ended} as soon as a worker is free."
    assert step(charge, due_at=NOW + timedelta(seconds=15), tries=2) == f"{ended} again in 15 s."
    assert step(charge, due_at=NOW + timedelta(seconds=15), tries=0) == f"{ended} in 15 s."
    assert step(charge, due_at=None) == f"{ended} as soon as recovery finds it."


def test_after_a_refusal_a_person_must_give_it_back(charge: SurplusCharge) -> None:
    assert step(refused(charge)).endswith(
        "Gateway primary does not give 12.50 USD back (charge ch_2): a person must give them back at the gateway's own "
        "console."
    )


def test_once_it_was_given_back_nothing_more_happens(charge: SurplusCharge) -> None:
    assert step(returned(charge)) == "Nothing more happens by itself. It ended 2026-03-01 11:59:00 UTC."


def test_the_state_of_the_payment_says_what_was_taken_and_what_came_back(
    charge: SurplusCharge, operator: Browser
) -> None:
    assert "Paid. Taken without right and still to be given back: 12.50 USD" in text_of(operator, page_of(charge))
    returned(charge)
    assert "Paid. Taken without right and given back: 12.50 USD" in text_of(operator, page_of(charge))


def test_a_failed_payment_with_a_late_charge_is_not_said_to_be_uncharged(charge: SurplusCharge) -> None:
    other = SurplusCharge(amount=250, currency="USD", state="returned")
    assert of_surplus("failed", [charge, other]) == (
        "Failed. Taken without right and still to be given back: 12.50 USD, given back: 2.50 USD"
    )


def test_a_payment_is_found_by_the_charge_that_it_may_not_keep(charge: SurplusCharge) -> None:
    assert find("ch_2") == {charge.payment_id}


@pytest.mark.parametrize(
    ("query", "count"), [("", 1), ("queue=to_return", 1), ("queue=returned", 0), ("q=ch_2", 1), ("q=ch", 0)]
)
def test_the_list_shows_what_is_to_be_given_back(
    charge: SurplusCharge, viewer: Browser, query: str, count: int
) -> None:
    assert viewer.get(f"{LIST}?{query}").context["cl"].result_count == count


def test_what_was_given_back_leaves_the_queue_and_stays_in_the_list(charge: SurplusCharge, viewer: Browser) -> None:
    returned(charge)
    counts = [viewer.get(f"{LIST}?queue={name}").context["cl"].result_count for name in ("to_return", "returned")]
    assert counts == [0, 1]


def test_the_page_of_a_charge_says_its_state_in_words(charge: SurplusCharge, viewer: Browser) -> None:
    page = text_of(viewer, f"{LIST}{charge.pk}/change/")
    assert "To be given back" in page
    assert "(&#x27;" not in page


def test_the_page_of_a_charge_tells_all_that_is_known(charge: SurplusCharge, viewer: Browser) -> None:
    refused(charge)
    page = text_of(viewer, f"{LIST}{charge.pk}/change/")
    for text in ("ch_2", "12.50 USD", "primary", "Charged twice", "Gateway refuses to give it back", "Too old to be"):
        assert text in page
    assert page_of(charge) in page
    assert Payment.objects.get().status == "success"


def by_hand(charge: SurplusCharge) -> str:
    return f"{LIST}{charge.pk}/given-back/"


def test_what_the_gateway_refused_can_be_recorded_as_given_back_by_hand(
    charge: SurplusCharge, operator: Browser
) -> None:
    refused(charge)
    assert by_hand(charge) in text_of(operator, f"{LIST}{charge.pk}/change/")
    operator.post(by_hand(charge), {"reason": "Refunded in the gateway's console today."})
    charge = SurplusCharge.objects.get(pk=charge.pk)
    assert (charge.state, charge.returned_at is not None) == ("returned", True)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor, entry.before, entry.after) == (
        *("surplus.returned", "operator:anna"),
        *("refused", "returned"),
    )
    task = OperatorTask.objects.get(kind="not_given_back")
    assert (task.closed_by, task.resolution) == ("anna", "Refunded in the gateway's console today.")
    posted = LedgerPosting.objects.filter(entity_id=charge.pk).order_by("id").values_list("debit", "credit", "amount")
    assert list(posted) == [("gateway_balance", "customer_owed", 1250), ("customer_owed", "gateway_balance", 1250)]


@pytest.mark.parametrize("end", [returned, lambda charge: charge])
def test_what_was_not_refused_cannot_be_recorded_by_hand(
    charge: SurplusCharge, operator: Browser, end: Callable[[SurplusCharge], SurplusCharge]
) -> None:
    state = end(charge).state
    entries = AuditEntry.objects.count()
    operator.post(by_hand(charge), {"reason": "I think so."})
    assert SurplusCharge.objects.get(pk=charge.pk).state == state
    assert AuditEntry.objects.count() == entries


def test_nothing_is_recorded_without_words_or_by_a_viewer(
    charge: SurplusCharge, operator: Browser, viewer: Browser
) -> None:
    refused(charge)
    operator.post(by_hand(charge), {"reason": " "})
    operator.get(f"{by_hand(charge)}?reason=because")
    assert viewer.post(by_hand(charge), {"reason": "because"}).status_code == 403
    assert SurplusCharge.objects.get(pk=charge.pk).state == "refused"
    assert operator.get(f"{LIST}nonsense/given-back/").status_code == 404
