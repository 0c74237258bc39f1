"""Level 4: an order is accepted, queued, and charged once later; or its promise ends with people (B7)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import (
    Attempt,
    Client,
    OperatorTask,
    Payment,
)
from payments.services.claim import claim
from payments.services.settle import Settler
from tests.payments.api.conftest import Api
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent
from tests.payments.services.conftest import Gateways
from tests.payments.services.going_on import (
    close_breakers,
    customer_of,
    mails,
    make_due,
    open_breaker,
    settle,
    told,
)
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


# Level 4.


def test_level_4_accepts_the_order_of_a_trusted_customer_and_charges_it_once_later(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.down("primary", "secondary")
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    payment = settle(settler, payment)
    assert (payment.status, payment.level) == ("retrying", 4)
    assert payment.queued_at is not None
    assert mails(payment) == ["delayed"]
    [queued] = told(payment, "payment.queued")
    assert queued == {"reason": payment.level_reason, "status": "retrying", "level": 4}
    for _ in range(3):
        make_due()
        settler.drain()
    assert (reload(payment).status, mails(payment)) == ("retrying", ["delayed"])
    gateways.up()
    advance(60)
    for _ in range(3):
        make_due()
        settler.drain()
    payment = reload(payment)
    assert (payment.status, payment.level) == ("success", 4)
    assert sum(gateways.captures(payment)) == 1
    assert sum(gateways.requests(payment)) == 1


def test_a_queue_drains_by_itself_no_faster_than_its_rate(
    shop: Client, gateways: Gateways, settler: Settler, settings: Any
) -> None:
    settings.DRAIN_PER_SECOND = 5
    payments = [accepted(shop, f"key-{number}", order=f"order-{number}") for number in range(10)]
    Payment.objects.update(queued_at=Now(), level=4)
    ends_at = database_now() + timedelta(seconds=20)
    while Payment.objects.exclude(status="success").exists():
        assert database_now() < ends_at
        make_due()
        settler.drain()
    assert [gateways.captures(payment) for payment in payments] == [(1, 0)] * 10
    known = {payment.pk for payment in payments}
    times = sorted(each["created_ms"] for each in gateways.primary.ledger() if each["reference"] in known)
    # Five a second, and the one that the bucket keeps.
    assert all(times[number + 6] - times[number] >= 950 for number in range(len(times) - 6))


def test_a_queued_payment_waits_without_counting_tries_while_no_breaker_lets_it_through(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    payment = accepted(shop)
    Payment.objects.update(queued_at=Now(), level=4)
    open_breaker("primary")
    open_breaker("secondary")
    for _ in range(8):
        make_due()
        settler.drain()
    payment = reload(payment)
    assert (payment.status, payment.retry_count, payment.attempts.count()) == ("pending", 0, 0)
    assert payment.due_at is not None
    assert timedelta(seconds=15) < payment.due_at - database_now() <= timedelta(seconds=40)


def test_a_queued_payment_that_is_declined_for_good_ends_and_its_customer_is_told(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.down("primary", "secondary")
    payment = accepted(shop, token="tok_expired_card")
    customer_of(payment, trusted=True)
    settle(settler, payment)
    gateways.up()
    close_breakers()
    make_due()
    settler.drain()
    payment = reload(payment)
    assert (payment.status, payment.level, payment.error_code) == ("failed", 5, "expired_card")
    assert (mails(payment), gateways.captures(payment)) == (["delayed", "resume"], (0, 0))


def test_the_customer_of_a_broken_promise_reads_that_there_was_one(
    shop: Client, gateways: Gateways, settler: Settler, api_key: str
) -> None:
    gateways.down("primary", "secondary")
    payment = accepted(shop, token="tok_expired_card")
    customer_of(payment, trusted=True)
    settle(settler, payment)
    gateways.up()
    close_breakers()
    make_due()
    settler.drain()
    said = Api(api_key).get(f"/api/payments/{payment.pk}/status").json()["customerMessage"]  # type: ignore[attr-defined]
    assert said.startswith("We had accepted your order, but could not take the payment for it.")


def test_an_expired_promise_goes_to_people_and_not_away(shop: Client, gateways: Gateways, settler: Settler) -> None:
    gateways.down("primary", "secondary")
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    settle(settler, payment)
    Payment.objects.update(expires_at=Now() - timedelta(seconds=1))
    make_due()
    settler.drain()
    payment = reload(payment)
    assert (payment.status, payment.review_reason, payment.due_at) == ("review", "queued_too_long", None)
    [task] = OperatorTask.objects.all()
    assert (task.kind, task.payment_id) == (OperatorTask.Kind.QUEUED_TOO_LONG, payment.pk)
    assert task.detail.startswith("Accepted for later at ")
    assert told(payment, "payment.expired") == []
    assert [entry["reason"] for entry in told(payment, "payment.review")] == ["queued_too_long"]


def test_a_payment_that_was_promised_to_nobody_expires(shop: Client, gateways: Gateways, settler: Settler) -> None:
    payment = accepted(shop)
    Payment.objects.update(expires_at=Now() - timedelta(seconds=1))
    settler.drain()
    assert (reload(payment).status, OperatorTask.objects.count()) == ("expired", 0)
    assert gateways.requests(payment) == (0, 0)


def test_a_thousand_tries_in_the_queue_do_not_outgrow_a_number(shop: Client) -> None:
    """A gateway that says 429 for a day: the back-off's exponent must not."""
    attempt = sent(shop)
    Payment.objects.update(queued_at=Now(), level=4, retry_count=5000)
    payment = after(attempt, Kind.NOT_SENT, "rate_limited")
    assert (payment.status, payment.retry_count) == ("retrying", 5001)


@pytest.mark.parametrize(("code", "times", "status"), [("velocity", 1, "success"), ("velocity", 9, "failed")])
def test_the_tries_of_the_outage_do_not_count_against_an_accepted_order(
    shop: Client, gateways: Gateways, settler: Settler, code: str, times: int, status: str
) -> None:
    gateways.down("primary", "secondary")
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    assert settle(settler, payment).queued_at is not None
    used = reload(payment).retry_count
    assert used == 4
    gateways.up()
    for sandbox in (gateways.primary, gateways.secondary):
        sandbox.arm("decline", params={"code": code}, count=times)
    for _ in range(5):
        advance(60)
        close_breakers()
        settler.drain()
    assert reload(payment).status == status
    # Three tries at most that a bank has declined; a fault is armed at each gateway.
    assert payment.attempts.filter(state="declined").count() == (3 if status == "failed" else 2)
    assert sum(gateways.captures(payment)) == (status == "success")


def test_an_order_is_not_accepted_on_a_card_that_the_bank_has_just_declined(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    """Not even from a trusted customer: that the breaker opened since is no reason to deliver."""
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    claim(10, BECAUSE)
    after(Attempt.objects.get(), Kind.DECLINED, decline_code="generic_decline")
    open_breaker("primary")
    open_breaker("secondary")
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.error_code) == ("failed", 5, "generic_decline")
    assert (payment.queued_at, mails(payment), gateways.requests(payment)) == (None, ["failed"], (0, 0))


def test_a_trusted_customer_does_not_wait_for_tries_that_nobody_can_make(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    open_breaker("primary")
    open_breaker("secondary")
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    settler.drain()
    payment = reload(payment)
    assert (payment.level, payment.retry_count, mails(payment)) == (4, 0, ["delayed"])
    assert payment.queued_at is not None
