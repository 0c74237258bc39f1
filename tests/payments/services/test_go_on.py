"""Down the ladder, level by level, at two real gateways (requirements B4, B7, B8; invariants 2, 3, 44).

Every journey says how often each gateway took money, by the gateways' own ledgers.
"""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from payments.clock import database_now
from payments.declines import DEFAULTS, Decline, DeclineClass, rules
from payments.gateways.base import Kind
from payments.models import (
    Allowance,
    Attempt,
    AuditEntry,
    CheckoutSession,
    Circuit,
    Client,
    CustomerMail,
    CustomerStanding,
    OperatorTask,
    Order,
    Payment,
)
from payments.services.apply import apply
from payments.services.claim import claim
from payments.services.settle import Settler
from payments.states import OPEN_OR_SUCCEEDED
from tests.payments.api.conftest import Api
from tests.payments.conftest import BECAUSE, accepted, after, heard, reload, sent
from tests.payments.services.conftest import Gateways
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)

FRAUD = sorted(code for code, meaning in DEFAULTS.items() if meaning.decline_class is DeclineClass.FRAUD)


def make_due() -> None:
    Payment.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))


def settle(settler: Settler, payment: Payment, *, turns: int = 12) -> Payment:
    """Take every next step as soon as there is one, until the payment rests, waits for somebody, or is queued."""
    for _ in range(turns):
        make_due()
        settler.drain()
        found = reload(payment)
        if found.status not in {"pending", "processing", "retrying"} or found.queued_at is not None:
            return found
    return reload(payment)


def customer_of(payment: Payment, *, trusted: bool | None = None) -> None:
    """Give the order a customer with an address and a checkout page; `trusted` by an operator's word."""
    Order.objects.filter(pk=payment.order_id).update(customer_reference="anna", customer_email="anna@shop.test")
    CheckoutSession.objects.create(
        client_id=payment.client_id,
        order_id=payment.order_id,
        return_url="https://shop.test/thanks",
        expires_at=timezone.now() + timedelta(hours=1),
    )
    if trusted is not None:
        CustomerStanding.objects.update_or_create(
            client_id=payment.client_id,
            customer_reference="anna",
            defaults={"trusted": trusted, "reason": "test", "set_by": "operator:test"},
        )


def open_breaker(gateway: str, operation: str = "charge") -> None:
    Circuit.objects.update_or_create(
        gateway=gateway,
        operation=operation,
        defaults={"state": "open", "epoch": 1, "try_at": database_now() + timedelta(hours=1), "why": "test"},
    )


def close_breakers() -> None:
    Circuit.objects.all().delete()


def tries(payment: Payment) -> list[tuple[str, int, str]]:
    """Return gateway, level and end of each attempt."""
    return list(payment.attempts.order_by("number").values_list("gateway", "level", "state"))


def told(payment: Payment, action: str) -> list[dict[str, Any]]:
    entries = AuditEntry.objects.filter(payment_id=payment.pk, action=action).order_by("id")
    return [{"reason": entry.reason, "status": entry.after, **entry.data} for entry in entries]


def mails(payment: Payment) -> list[str]:
    return list(payment.mails.order_by("id").values_list("kind", flat=True))


# Level 1.


def test_level_1_is_one_charge_at_the_first_gateway(shop: Client, gateways: Gateways, settler: Settler) -> None:
    payment = settle(settler, accepted(shop))
    assert (payment.status, payment.level, payment.level_reason, payment.retry_count) == ("success", 1, "", 0)
    assert gateways.captures(payment) == gateways.requests(payment) == (1, 0)
    [entry] = told(payment, "payment.processing")
    assert entry == {
        "reason": "",
        "status": "processing",
        "key": f"{payment.pk}-a1",
        "level": 1,
        "gateway": "primary",
    }


# Level 2.


@pytest.mark.parametrize(
    ("token", "code", "kind"),
    [
        ("tok_generic_decline", "generic_decline", "soft"),
        ("tok_do_not_honor", "do_not_honor", "soft"),
        ("tok_authentication_required_decline", "authentication_required", "authentication"),
    ],
)
def test_level_2_asks_the_bank_at_the_same_gateway(
    shop: Client, gateways: Gateways, settler: Settler, token: str, code: str, kind: str
) -> None:
    payment = settle(settler, accepted(shop, token=token))
    assert (payment.status, payment.level) == ("requires_action", 2)
    assert payment.level_reason == f"primary declined: {kind}; the bank is asked"
    assert gateways.captures(payment) == (0, 0)
    gateways.primary.call("POST", urlsplit(payment.action_url).path, data={"choice": "approve"})
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.retry_count) == ("success", 2, 1)
    assert tries(payment) == [("primary", 1, "declined"), ("primary", 2, "succeeded")]
    assert (gateways.captures(payment), gateways.requests(payment)) == ((1, 0), (2, 0))
    assert told(payment, "payment.processing")[1] == {
        "reason": "",
        "status": "processing",
        "key": f"{payment.pk}-a2",
        "level": 2,
        "gateway": "primary",
        "why": f"primary declined: {kind}; the bank is asked",
        "proof": [{"attempt": 1, "gateway": "primary", "state": "declined", "reason": code}],
    }


@pytest.mark.parametrize(("choice", "code"), [("fail", "3ds_failed"), ("cancel", "customer_canceled"), ("decline", "")])
def test_a_bank_that_says_no_is_asked_once(
    shop: Client, gateways: Gateways, settler: Settler, choice: str, code: str
) -> None:
    payment = settle(settler, accepted(shop, token="tok_generic_decline"))
    gateways.primary.call("POST", urlsplit(payment.action_url).path, data={"choice": choice})
    payment = settle(settler, payment, turns=2)
    assert gateways.captures(payment) == (0, 0)
    assert gateways.requests(payment) == (2, 0)
    if code:
        assert (payment.status, payment.level, payment.error_code) == ("failed", 5, code)
    else:
        assert payment.status == "requires_action"


def test_while_the_bank_is_asked_nothing_else_is_tried(shop: Client, gateways: Gateways, settler: Settler) -> None:
    """A live challenge is an open attempt, however long it takes and whatever its gateway does meanwhile."""
    payment = settle(settler, accepted(shop, token="tok_generic_decline"))
    gateways.down("primary")
    for _ in range(4):
        advance(60)
        settler.drain()
    assert reload(payment).status == "requires_action"
    assert gateways.requests(payment) == (2, 0)


# Level 3.


def _refuses(gateways: Gateways) -> None:
    gateways.down("primary")


def _declines_softly(gateways: Gateways) -> None:
    gateways.primary.arm("decline", params={"code": "issuer_unavailable"})


def _fails_to_process(gateways: Gateways) -> None:
    gateways.primary.arm("decline", params={"code": "processing_error"})


def _asks_to_wait(gateways: Gateways) -> None:
    gateways.primary.arm("status", params={"status": 429, "headers": {"Retry-After": "600"}})


@pytest.mark.parametrize(
    ("trouble", "state", "reason", "why"),
    [
        (_refuses, "not_sent", "refused", "primary did not charge: refused"),
        (_declines_softly, "declined", "issuer_unavailable", "primary declined: soft"),
        (_fails_to_process, "declined", "processing_error", "primary declined: processing"),
        (_asks_to_wait, "not_sent", "rate_limited", "primary did not charge: rate_limited"),
    ],
)
def test_level_3_is_the_second_gateway_with_the_proof_written_down(
    shop: Client,
    gateways: Gateways,
    settler: Settler,
    trouble: Callable[[Gateways], None],
    state: str,
    reason: str,
    why: str,
) -> None:
    trouble(gateways)
    payment = settle(settler, accepted(shop))
    assert (payment.status, payment.level, payment.level_reason, payment.retry_count) == ("success", 3, why, 1)
    assert tries(payment) == [("primary", 1, state), ("secondary", 3, "succeeded")]
    assert gateways.captures(payment) == (0, 1)
    entry = told(payment, "payment.processing")[1]
    assert (entry["level"], entry["gateway"], entry["why"]) == (3, "secondary", why)
    assert entry["proof"] == [{"attempt": 1, "gateway": "primary", "state": state, "reason": reason}]
    assert told(payment, "payment.retrying") == [{"reason": why, "status": "retrying"}]


def test_level_3_without_a_call_where_the_breaker_of_the_first_is_open(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    open_breaker("primary")
    payment = settle(settler, accepted(shop))
    why = "the breaker of primary is open"
    assert (payment.status, payment.level, payment.level_reason, payment.retry_count) == ("success", 3, why, 0)
    assert (gateways.captures(payment), gateways.requests(payment)) == ((0, 1), (0, 1))
    [entry] = told(payment, "payment.processing")
    assert (entry["why"], entry["breakerOpen"], entry["proof"]) == (why, ["primary"], [])


def test_the_second_gateway_is_tried_at_once_after_a_refused_connection(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.down("primary")
    payment = accepted(shop)
    settler.drain()
    assert (reload(payment).status, gateways.captures(payment)) == ("success", (0, 1))


# The gap of unknown.

_RULE = Decline(DeclineClass.PROCESSING, "x", "Words.", retryable=True, needs_another_card=False, internal_message="")
_RULES = {
    ("", code): _RULE for code in ("", "unknown", "connection_lost", "no_answer", "closed", "reset", "read_timeout")
}


@pytest.mark.parametrize("map_", [{}, _RULES], ids=["default map", "rules for codes like unknown"])
def test_a_lost_answer_reaches_the_second_gateway_only_when_it_is_proven_absent(
    shop: Client, gateways: Gateways, settler: Settler, map_: dict[tuple[str, str], Decline]
) -> None:
    rules.hold(rules.Snapshot(map_, frozenset(), read_at=math.inf))
    gateways.primary.arm("close_without_executing")
    payment = accepted(shop)
    settler.drain()
    assert (reload(payment).status, reload(payment).outcome_unknown) == ("processing", True)
    passed = 0
    while payment.attempts.get(number=1).state in OPEN_OR_SUCCEEDED:
        assert gateways.requests(payment)[1] == 0
        assert passed < 7200
        advance(60)
        passed += 60
        settler.drain()
    settle(settler, payment)
    assert passed >= 600
    assert tries(payment) == [("primary", 1, "not_found"), ("secondary", 3, "succeeded")]
    assert gateways.captures(payment) == (0, 1)
    entry = told(payment, "payment.processing")[1]
    assert entry["proof"][0]["state"] == "not_found"


def test_a_lost_answer_of_a_charge_that_was_made_never_reaches_the_second_gateway(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.primary.arm("execute_then_close", count=1)
    payment = accepted(shop)
    settler.drain()
    gateways.down("primary")
    for _ in range(10):
        advance(300)
        settler.drain()
    assert (reload(payment).status, reload(payment).outcome_unknown) == ("processing", True)
    assert gateways.requests(payment) == (1, 0)
    gateways.up()
    advance(3600)
    close_breakers()
    settler.drain()
    assert (reload(payment).status, reload(payment).level) == ("success", 1)
    assert gateways.captures(payment) == (1, 0)


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
    assert (payment.queued_at, mails(payment), gateways.requests(payment)) == (None, [], (0, 0))


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


# Level 5.


@pytest.mark.parametrize("code", ["expired_card", "insufficient_funds", "stolen_card", "made_up_code"])
def test_level_5_asks_for_another_way_after_one_try(
    shop: Client, gateways: Gateways, settler: Settler, code: str
) -> None:
    gateways.primary.arm("decline", params={"code": code})
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.error_code, payment.queued_at) == ("failed", 5, code, None)
    assert payment.level_reason.startswith("primary declined: ")
    assert (gateways.captures(payment), gateways.requests(payment), mails(payment)) == ((0, 0), (1, 0), [])
    [entry] = told(payment, "payment.failed")
    assert (entry["level"], entry["why"], entry["reason"]) == (5, payment.level_reason, code)


def test_a_card_that_the_network_forbids_ends_at_once(shop: Client, gateways: Gateways, settler: Settler) -> None:
    payment = settle(settler, accepted(shop, token="tok_do_not_try_again"))
    assert (payment.status, payment.level, payment.error_code) == ("failed", 5, "network_limit")
    assert payment.level_reason == "primary declined: soft; the card network forbids another try"
    assert gateways.requests(payment) == (1, 0)


def test_a_card_at_its_networks_limit_is_not_tried_again(shop: Client, gateways: Gateways, settler: Settler) -> None:
    for number in range(20):
        attempt = sent(shop, f"key-{number}", order=f"order-{number}")
        after(attempt, Kind.DECLINED, decline_code="expired_card")
    Attempt.objects.update(card_fingerprint="fp_one", card_brand="visa")
    last = sent(shop, "last", order="last")
    payment = after(
        last, Kind.DECLINED, decline_code="issuer_unavailable", card_brand="visa", card_fingerprint="fp_one"
    )
    assert (payment.status, payment.level, payment.error_code) == ("failed", 5, "network_limit")


# Level 6.


@pytest.mark.parametrize("trusted", [None, False])
def test_level_6_fails_kindly_and_owes_a_link(
    shop: Client, gateways: Gateways, settler: Settler, trusted: bool | None
) -> None:
    gateways.down("primary", "secondary")
    payment = accepted(shop)
    customer_of(payment, trusted=trusted)
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.queued_at) == ("failed", 6, None)
    assert payment.error_code == "gateway_unavailable"
    assert [try_[2] for try_ in tries(payment)] == ["not_sent"] * 5
    assert {try_[0] for try_ in tries(payment)} == {"primary", "secondary"}
    assert (mails(payment), gateways.requests(payment)) == (["resume"], (0, 0))
    [entry] = told(payment, "payment.failed")
    assert (entry["level"], entry["reason"]) == (6, "gateway_unavailable")


def test_level_6_where_both_breakers_are_open_sends_nothing(shop: Client, gateways: Gateways, settler: Settler) -> None:
    open_breaker("primary")
    open_breaker("secondary")
    payment = accepted(shop)
    customer_of(payment)
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.error_code) == ("failed", 6, "no_gateway")
    assert payment.level_reason == "the breaker of primary is open; the breaker of secondary is open"
    # At once: the tries would all be over before a breaker lets one through.
    assert (payment.attempts.count(), payment.retry_count, mails(payment)) == (0, 0, ["resume"])


def test_where_a_breaker_soon_lets_a_trial_through_it_is_waited_for(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    open_breaker("primary")
    open_breaker("secondary")
    Circuit.objects.filter(gateway="secondary").update(try_at=database_now() + timedelta(seconds=4))
    payment = accepted(shop)
    settler.drain()
    assert reload(payment).status == "retrying"
    advance(6)
    settle(settler, payment)
    assert (reload(payment).status, gateways.requests(payment)) == ("success", (0, 1))


def test_no_mail_promises_what_can_be_had_now(shop: Client, gateways: Gateways, settler: Settler) -> None:
    """Both gateways answer, and process nothing: there is nothing to come back for."""
    payment = accepted(shop, token="tok_processing_error")
    customer_of(payment)
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.error_code) == ("failed", 6, "processing_error")
    assert mails(payment) == []


# Every class of decline, at both gateways.


@pytest.mark.parametrize(
    ("code", "requests", "level"),
    [
        ("issuer_unavailable", (2, 1), 5),
        ("velocity", (2, 1), 5),
        ("3ds_failed", (1, 0), 5),
        ("expired_card", (1, 0), 5),
        ("lost_card", (1, 0), 5),
        ("processing_error", (3, 2), 6),
        ("rate_limit", (3, 2), 6),
        ("nobody_mapped_this", (1, 0), 5),
    ],
)
def test_each_class_of_decline_is_tried_as_often_as_it_may_be(
    shop: Client, gateways: Gateways, settler: Settler, code: str, requests: tuple[int, int], level: int
) -> None:
    for sandbox in (gateways.primary, gateways.secondary):
        sandbox.arm("decline", params={"code": code})
    payment = settle(settler, accepted(shop))
    assert (payment.status, payment.level, payment.error_code) == ("failed", level, code)
    assert (gateways.requests(payment), gateways.captures(payment)) == (requests, (0, 0))


@pytest.mark.parametrize(("most", "code", "attempts"), [(0, "velocity", 1), (1, "velocity", 2), (2, "rate_limit", 3)])
def test_a_payments_own_cap_of_retries_caps_every_class(
    shop: Client, gateways: Gateways, settler: Settler, most: int, code: str, attempts: int
) -> None:
    for sandbox in (gateways.primary, gateways.secondary):
        sandbox.arm("decline", params={"code": code})
    payment = accepted(shop)
    Payment.objects.update(max_retries=most)
    payment = settle(settler, payment)
    assert (payment.status, payment.attempts.count(), payment.retry_count) == ("failed", attempts, most)


# Waiting.


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_the_wait_doubles_with_every_try(
    shop: Client, monkeypatch: pytest.MonkeyPatch, chance: float, retries: int
) -> None:
    attempt = sent(shop)
    Payment.objects.update(retry_count=retries)
    monkeypatch.setattr("payments.services.apply.random.random", lambda: chance)
    payment = after(attempt, Kind.DECLINED, decline_code="processing_error")
    assert payment.due_at is not None
    assert payment.error_at is not None
    assert payment.due_at - payment.error_at == timedelta(seconds=chance * 2**retries)


@pytest.mark.parametrize(("retries", "wait"), [(5, 30), (9, 30)])
def test_no_wait_is_longer_than_thirty_seconds(
    shop: Client, monkeypatch: pytest.MonkeyPatch, settings: Any, retries: int, wait: int
) -> None:
    settings.PROCESSING_TRIES = 99
    attempt = sent(shop)
    Payment.objects.update(retry_count=retries, max_retries=99)
    monkeypatch.setattr("payments.services.apply.random.random", lambda: 1.0)
    payment = after(attempt, Kind.DECLINED, decline_code="processing_error")
    assert payment.due_at is not None
    assert payment.error_at is not None
    assert payment.due_at - payment.error_at == timedelta(seconds=wait)


def test_a_gateway_that_is_the_only_one_gets_the_time_it_asked_for(shop: Client, gateways: Gateways) -> None:
    gateways.remove("secondary")
    payment = after(sent(shop), Kind.NOT_SENT, "rate_limited", retry_after=120)
    assert payment.due_at is not None
    assert timedelta(seconds=119) < payment.due_at - database_now() <= timedelta(seconds=120)


def test_another_gateway_did_not_ask_to_wait(shop: Client, gateways: Gateways) -> None:
    payment = after(sent(shop), Kind.NOT_SENT, "rate_limited", retry_after=120)
    assert payment.due_at is not None
    assert payment.due_at <= database_now()


def test_a_gateway_that_asked_to_wait_is_left_alone_where_the_other_one_cannot_be_called(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.primary.arm("status", params={"status": 429, "headers": {"Retry-After": "600"}})
    open_breaker("secondary")
    payment = accepted(shop)
    settler.drain()
    assert gateways.requests(payment) == (1, 0)
    for _ in range(6):
        advance(9)
        settler.drain()
    assert gateways.requests(payment)[0] == 1


def test_a_gateway_that_asked_to_wait_is_left_alone_when_the_other_one_failed_too(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.primary.arm("status", params={"status": 429, "headers": {"Retry-After": "600"}}, count=1)
    gateways.secondary.arm("decline", params={"code": "processing_error"})
    payment = accepted(shop)
    settle(settler, payment, turns=1)
    assert gateways.requests(payment) == (1, 1)
    advance(40)
    settler.drain()
    assert gateways.requests(payment)[0] == 1


def test_tries_at_the_only_gateway_that_can_be_called_are_not_made_all_at_once(
    shop: Client, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.services.apply.random.random", lambda: 1.0)
    open_breaker("secondary")
    payment = after(sent(shop), Kind.NOT_SENT, "refused")
    assert payment.due_at is not None
    assert payment.error_at is not None
    assert payment.due_at - payment.error_at == timedelta(seconds=1)


def test_where_too_much_is_tried_again_a_payment_waits_for_its_turn(
    shop: Client, gateways: Gateways, settler: Settler, settings: Any
) -> None:
    """Nobody fails, and no order is accepted unpaid, for a budget while a gateway can charge."""
    settings.RETRIES_PER_MINUTE, settings.RETRY_PERCENT = 1, 0
    gateways.down("primary")
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    for _ in range(8):
        Allowance.objects.update_or_create(name="retries", defaults={"units": 0, "filled_at": database_now()})
        make_due()
        settler.drain()
    row = reload(payment)
    assert (row.status, row.retry_count, row.queued_at) == ("retrying", 1, None)
    assert gateways.requests(payment) == (0, 0)
    Allowance.objects.update(units=100)
    make_due()
    settler.drain()
    assert (reload(payment).status, gateways.requests(payment)) == ("success", (0, 1))


# What changes between an answer and the next claim.


def test_a_decline_that_an_operator_makes_final_before_the_next_try_ends_at_level_5(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    payment = accepted(shop)
    customer_of(payment, trusted=True)
    claim(10, BECAUSE)
    after(Attempt.objects.get(), Kind.DECLINED, decline_code="velocity")
    final = DEFAULTS["expired_card"]
    rules.hold(rules.Snapshot({("", "velocity"): final}, frozenset(), read_at=math.inf))
    make_due()
    settler.drain()
    payment = reload(payment)
    assert (payment.status, payment.level, payment.error_code, payment.queued_at) == ("failed", 5, "velocity", None)
    assert (gateways.requests(payment), mails(payment)) == ((0, 0), [])


def test_a_code_that_becomes_fraud_before_the_next_try_is_told_nowhere(
    shop: Client, gateways: Gateways, settler: Settler, api_key: str
) -> None:
    claim_of = sent(shop)
    after(claim_of, Kind.DECLINED, decline_code="velocity")
    fraud = DEFAULTS["stolen_card"]
    rules.hold(rules.Snapshot({("", "velocity"): fraud}, frozenset({"velocity"}), read_at=math.inf))
    make_due()
    settler.drain()
    payment = Payment.objects.get()
    assert (payment.status, payment.level) == ("failed", 5)
    assert "fraud" not in everything_the_api_says(Api(api_key), payment)


@pytest.mark.parametrize("code", ["generic_decline", "velocity"])
def test_a_gateway_that_is_taken_out_of_the_settings_gets_no_further_call(
    shop: Client, gateways: Gateways, settler: Settler, code: str
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.DECLINED, decline_code=code)
    gateways.remove("primary")
    payment = settle(settler, reload(attempt.payment))
    assert (payment.status, payment.gateway) == ("success", "secondary")
    assert gateways.captures(payment) == (0, 1)


def test_without_any_gateway_a_payment_ends_kindly_and_is_never_unknown(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    gateways.remove("primary")
    gateways.remove("secondary")
    payment = settle(settler, reload(attempt.payment))
    assert (payment.status, payment.level, payment.error_code) == ("failed", 6, "no_gateway")
    assert payment.attempts.count() == 1


# Late and stale news.


def test_money_taken_late_at_the_first_gateway_goes_back_where_the_second_is_being_tried(
    shop: Client, gateways: Gateways
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    make_due()
    claim(10, BECAUSE)
    second = Attempt.objects.get(number=2)
    assert (second.gateway, second.state) == ("secondary", "sent")
    apply([heard(attempt, Kind.SUCCEEDED, reference="ch_late")])
    payment = after(second, Kind.SUCCEEDED, reference="ch_second")
    assert (payment.status, payment.surplus_charges.count()) == ("success", 1)
    assert payment.surplus_charges.get().gateway_reference == "ch_late"


@pytest.mark.parametrize("first", [0, 1])
def test_both_successes_in_one_batch_leave_one_charge_and_one_to_give_back(
    shop: Client, gateways: Gateways, first: int
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    make_due()
    claim(10, BECAUSE)
    second = Attempt.objects.get(number=2)
    news = [heard(attempt, Kind.SUCCEEDED, reference="ch_1"), heard(second, Kind.SUCCEEDED, reference="ch_2")]
    apply(news if first == 0 else news[::-1])
    payment = Payment.objects.get()
    assert (payment.status, payment.surplus_charges.count()) == ("success", 1)
    assert payment.attempts.filter(state="succeeded").count() == 1


def test_money_taken_late_before_the_second_gateway_was_called_is_the_payment(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    payment = after(attempt, Kind.SUCCEEDED, reference="ch_late")
    assert (payment.status, payment.due_at) == ("success", None)
    settler.drain()
    assert gateways.requests(payment) == (0, 0)


def test_a_worker_that_was_taken_over_cannot_send_the_payment_elsewhere(shop: Client, gateways: Gateways) -> None:
    attempt = sent(shop)
    stale = heard(attempt, Kind.NOT_SENT, "refused")
    make_due()
    claim(10, BECAUSE)
    apply([stale])
    assert (reload(attempt.payment).status, Attempt.objects.get().state) == ("processing", "unknown")


def test_the_same_news_twice_go_on_once(shop: Client, gateways: Gateways) -> None:
    attempt = sent(shop)
    news = heard(attempt, Kind.DECLINED, decline_code="velocity")
    apply([news, news])
    apply([news])
    payment = Payment.objects.get()
    assert (payment.status, payment.retry_count) == ("retrying", 1)
    assert len(told(payment, "payment.retrying")) == 1


# Fraud.


def everything_the_api_says(api: Api, payment: Payment) -> str:
    paths = (f"/api/payments/{payment.pk}", f"/api/payments/{payment.pk}/status", "/api/payments")
    said = [api.get(path).content.decode() for path in paths]
    said.append(api.get("/api/audit/payments").content.decode())
    said.append(api.get("/api/audit/payments", paymentID=payment.pk).content.decode())
    said.append(api.post(f"/api/payments/{payment.pk}/retry", {}).content.decode())
    assert all('"status"' in each for each in said)
    return "".join(said)


@pytest.mark.parametrize("code", FRAUD)
@pytest.mark.parametrize("at", ["primary", "secondary"])
def test_no_reason_of_fraud_reaches_anybody(
    shop: Client, gateways: Gateways, settler: Settler, api_key: str, code: str, at: str
) -> None:
    if at == "secondary":
        gateways.down("primary")
    getattr(gateways, at).arm("decline", params={"code": code})
    payment = settle(settler, accepted(shop))
    assert (payment.status, payment.level, payment.error_code) == ("failed", 5, code)
    said = everything_the_api_says(Api(api_key), payment)
    assert payment.pk in said
    for word in (code, "fraud", "stolen", "lost_card", "pickup", "blocklist", "Do not tell"):
        assert word not in said
    assert CustomerMail.objects.count() == 0


def test_the_bank_is_asked_at_another_gateway_where_no_call_leaves_to_the_one_that_declined(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    payment = accepted(shop)
    claim(10, BECAUSE)
    after(Attempt.objects.get(), Kind.DECLINED, decline_code="generic_decline")
    open_breaker("primary")
    payment = settle(settler, payment, turns=1)
    assert (payment.status, payment.gateway, payment.level) == ("requires_action", "secondary", 3)


def test_the_bank_is_not_asked_while_the_customer_is_away(shop: Client, gateways: Gateways, settler: Settler) -> None:
    """An order that was accepted for later goes to the other gateway instead."""
    gateways.primary.arm("decline", params={"code": "generic_decline"})
    payment = accepted(shop)
    Payment.objects.update(queued_at=database_now())
    claim(10, BECAUSE)
    payment = after(Attempt.objects.get(), Kind.DECLINED, decline_code="generic_decline")
    Allowance.objects.all().delete()
    settle(settler, payment, turns=2)
    assert [attempt.three_d_secure for attempt in Attempt.objects.order_by("number")] == [False, False]
    assert Attempt.objects.get(number=2).gateway == "secondary"
