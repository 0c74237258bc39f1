"""The levels that a payment walked, on its page and in the list (requirements B7, B8, A7)."""

import pytest
from django.test import Client as Browser

from payments.admin.levels import of_level
from payments.admin.payment.walked import Step, proof_in_words, walked
from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, Payment
from payments.services.retry_payment import retry
from tests.payments.admin.breaking import fail, next_attempt, without_gateway
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, accepted, after, sent

pytestmark = pytest.mark.django_db


def url_of(payment: Payment) -> str:
    return f"/admin/payments/payment/{payment.pk}/change/"


def steps_of(payment: Payment) -> list[Step]:
    attempts = list(payment.attempts.order_by("number"))
    return walked(payment, attempts, list(AuditEntry.objects.filter(payment_id=payment.pk)))


def walked_to_the_second(shop: Client) -> Payment:
    """Return a payment: declined at the first gateway, declined with 3-D Secure, charged at the second."""
    payment = after(sent(shop), Kind.DECLINED, decline_code="do_not_honor")
    payment = after(next_attempt(payment), Kind.DECLINED, decline_code="do_not_honor")
    return after(next_attempt(payment), Kind.SUCCEEDED, reference="ch_3")


def test_each_attempt_says_its_level_where_why_and_why_that_was_safe(shop: Client) -> None:
    first, second, third = steps_of(walked_to_the_second(shop))
    assert (first.level, first.where, first.why, first.proof) == (
        *("1 first gateway", "primary"),
        *("first try", "nothing had been sent before"),
    )
    assert first.ended.startswith("declined: do_not_honor")
    assert (second.level, second.where, second.why, second.proof) == (
        *("2 again, with 3-D Secure", "primary with 3-D Secure"),
        *("primary declined: soft; the bank is asked", "attempt 1 at primary: declined (do_not_honor)"),
    )
    assert (third.level, third.where, third.why, third.ended, third.colour) == (
        *("3 another gateway", "secondary", "primary declined: soft"),
        *("charged", "success"),
    )
    assert third.proof == (
        "attempt 1 at primary: declined (do_not_honor); attempt 2 at primary: declined (do_not_honor)"
    )


def test_the_page_reads_as_one_walk(shop: Client, viewer: Browser) -> None:
    payment = walked_to_the_second(shop)
    page = text_of(viewer, url_of(payment))
    assert (
        "level 1 primary: declined do_not_honor → level 2 primary with 3-D Secure: declined do_not_honor → level 3 "
        "secondary: charged"
    ) in page
    events = viewer.get(url_of(payment)).context["events"]
    assert [event.title for event in events if event.title.startswith("Level")] == [
        "Level 1: attempt 1 was sent to primary: declined.",
        "Level 2: attempt 2 was sent to primary with 3-D Secure: declined.",
        "Level 3: attempt 3 was sent to secondary: charged.",
    ]
    taken_up = [event for event in events if event.action == "payment.processing"]
    assert {fact.name: fact.text for fact in taken_up[2].facts} == {
        "State": "retrying → processing",
        "Level": "3 another gateway",
        "Why so": "primary declined: soft",
        "Safe because": "attempt 1 at primary: declined (do_not_honor); attempt 2 at primary: declined (do_not_honor)",
        "Details": f"key: {payment.pk}-a3",
    }


def test_what_came_after_the_attempts_is_a_step_of_its_own(shop: Client) -> None:
    steps = steps_of(after(sent(shop), Kind.DECLINED, decline_code="expired_card"))
    assert [(step.level, step.where, step.ended) for step in steps[1:]] == [
        ("5 another way to pay suggested", "—", "Failed, not charged")
    ]


def test_an_accepted_order_does_not_read_as_failing(shop: Client, viewer: Browser) -> None:
    fail("primary")
    fail("secondary")
    payment = without_gateway(shop, "trusted", trusted=True)
    (step,) = steps_of(payment)
    assert (step.level, step.proof, step.ended) == (
        *("4 accepted, charged later", "nothing was sent"),
        "Order accepted, to be charged later",
    )
    page = text_of(viewer, url_of(payment))
    assert "The order is accepted (level 4); the charge is sent as soon as a gateway can take it." in page
    assert "Charged later since" in page
    assert "Trying again soon" not in page


def test_an_open_breaker_is_the_reason_for_the_second_gateway(shop: Client) -> None:
    fail("primary")
    (step,) = steps_of(after(sent(shop), Kind.SUCCEEDED))
    assert (step.level, step.where, step.why) == (
        *("3 another gateway", "secondary"),
        "the breaker of primary is open",
    )


def test_an_attempt_whose_entry_is_not_shown_keeps_its_level(shop: Client) -> None:
    payment = walked_to_the_second(shop)
    steps = walked(payment, list(payment.attempts.order_by("number")), [])
    assert [(step.level[0], step.why, step.proof) for step in steps] == [
        ("1", "first try", "nothing had been sent before"),
        ("2", "", ""),
        ("3", "", ""),
    ]


def test_a_proof_of_another_shape_is_left_out() -> None:
    assert [proof_in_words(proof) for proof in (None, "x", [1], [])] == [""] * 4
    assert proof_in_words([{"attempt": 1, "gateway": "g", "state": "moon"}]) == "attempt 1 at g: moon"
    assert of_level(9) == "9"


def test_a_payment_that_never_left_has_no_walk(shop: Client, viewer: Browser) -> None:
    payment = accepted(shop)
    assert steps_of(payment) == []
    assert "Levels walked" not in text_of(viewer, url_of(payment))


def test_versions_lead_to_each_other(shop: Client, viewer: Browser) -> None:
    fail("primary")
    fail("secondary")
    failed = without_gateway(shop, "stranger", trusted=False)
    second = retry(failed.pk, BECAUSE, reason="the customer called")
    page, later = text_of(viewer, url_of(failed)), text_of(viewer, url_of(second))
    assert f'<dt>Repeated by</dt><dd><a class="console-link" href="{url_of(second)}">' in page
    assert "<dt>Repeats</dt>" not in page
    assert f'<dt>Repeats</dt><dd><a class="console-link" href="{url_of(failed)}">' in later
    assert "<dt>Version</dt><dd>2</dd>" in later


@pytest.mark.parametrize(
    ("query", "orders"),
    [("level=1", {"first"}), ("level=3", {"third"}), ("level=6", set()), ("level=nonsense", {"first", "third"})],
)
def test_the_list_filters_by_level(shop: Client, operator: Browser, query: str, orders: set[str]) -> None:
    after(sent(shop, "key-1", order="first"), Kind.SUCCEEDED)
    fail("primary")
    after(sent(shop, "key-2", order="third"), Kind.SUCCEEDED)
    rows = operator.get(f"/admin/payments/payment/?{query}").context["cl"].result_list
    assert {payment.order.reference for payment in rows} == orders
    assert Attempt.objects.count() == 2
