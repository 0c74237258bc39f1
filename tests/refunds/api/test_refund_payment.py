"""POST …/refunds as a program sees it: what is taken, once (requirements D1, D2, D6)."""

import json
import threading
from typing import Any

import pytest
from django.db import connection

from payments.models import Client
from payments.services.settle import Settler
from refunds.models import Reason, Refund
from tests.payments.api.conftest import Api, api_of
from tests.payments.conftest import reload
from tests.races.test_accept import at_once
from tests.refunds.api.asking import answer, post, refused
from tests.refunds.conftest import captured
from tests.refunds.rows import paid, written
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


# What it does.


def test_a_refund_is_taken_reserved_and_has_its_address(shop: Client, api: Api) -> None:
    payment = paid(shop)
    response = post(api, payment, note="Size too small.", currency="USD")
    (refund,) = Refund.objects.all()
    assert answer(response) == {
        "refundID": refund.pk,
        "paymentID": payment.pk,
        "status": "requested",
        "outcomeUnknown": False,
        "amount": 30.0,
        "amountMinor": 3000,
        "currency": "USD",
        "reason": "customer_request",
        "note": "Size too small.",
        "origin": "api",
        "external": False,
        "needsApproval": False,
        "failureCode": None,
        "gateway": "primary",
        "gatewayReference": None,
        "idempotencyKey": "order-1-refund",
        "createdAt": answer(response)["createdAt"],
        "updatedAt": answer(response)["createdAt"],
        "finishedAt": None,
    }
    assert (response.headers["Location"], "Idempotent-Replayed" in response) == (f"/api/refunds/{refund.pk}", False)
    assert (reload(payment).refund_reserved, reload(payment).refunded) == (3000, 0)
    assert refund.requested_by == f"client:{shop.pk}"


@pytest.mark.parametrize(
    ("currency", "sent", "minor", "shown", "left"),
    [
        ("USD", "0.01", 1, b'"amount":0.01,', "99.99"),
        ("USD", "33.33", 3333, b'"amount":33.33,', "66.67"),
        ("JPY", "1250", 1250, b'"amount":1250,', "8750"),
        ("KWD", "1.250", 1250, b'"amount":1.250,', "8.750"),
        ("KWD", "1.25", 1250, b'"amount":1.250,', "8.750"),
        ("KWD", "0.001", 1, b'"amount":0.001,', "9.999"),
    ],
)
def test_a_part_is_exact_in_every_currency(
    shop: Client, api: Api, currency: str, sent: str, minor: int, shown: bytes, left: str
) -> None:
    payment = paid(shop, amount=10_000, currency=currency)
    raw = f'{{"idempotencyKey": "order-1-refund", "amount": {sent}, "reason": "other"}}'
    response = post(api, payment, raw)
    assert (response.status_code, Refund.objects.get().amount) == (202, minor)
    assert shown in response.content
    found = api.get(f"/api/payments/{payment.pk}").content.decode()
    assert f'"refundableAmount":{left},' in found


def test_without_an_amount_all_that_is_left_is_refunded(shop: Client, api: Api) -> None:
    payment = paid(shop)
    written(payment, 4000)
    raw = '{"idempotencyKey": "order-1-refund", "reason": "other", "note": null, "currency": null}'
    assert answer(post(api, payment, raw))["amountMinor"] == 6000
    assert reload(payment).refund_reserved == 10_000


@pytest.mark.parametrize("reason", Reason.values)
def test_every_reason_is_taken(shop: Client, api: Api, reason: str) -> None:
    assert answer(post(api, paid(shop), reason=reason))["reason"] == reason


def test_the_whole_way_gives_the_money_back(shop: Client, api: Api, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    refund_id = answer(post(api, payment))["refundID"]
    settler.drain()
    assert [made["amount"] for made in gateway.refunds(reference=payment.pk)] == [3000]
    found = json.loads(api.get(f"/api/payments/{payment.pk}").content)
    wanted = {
        "refundedAmount": 30.0,
        "refundableAmount": 70.0,
        "refundStanding": "partial",
        "refundedAmountMinor": 3000,
    }
    assert {name: found[name] for name in wanted} == wanted
    seen = json.loads(api.get(f"/api/refunds/{refund_id}").content)
    assert (seen["status"], [each["status"] for each in seen["attempts"]]) == ("succeeded", ["succeeded"])
    assert answer(post(api, payment))["status"] == "succeeded"  # a replay shows it as it is now


# Above the limit.


@pytest.mark.parametrize(
    ("amount", "status", "needs"), [(100.00, "requested", False), (100.01, "awaiting_approval", True)]
)
def test_above_the_limit_a_person_approves_first(
    shop: Client, api: Api, amount: float, status: str, needs: bool
) -> None:
    payment = paid(shop, amount=20_000)
    found = answer(post(api, payment, amount=amount))
    assert (found["status"], found["needsApproval"]) == (status, needs)
    assert reload(payment).refund_reserved == found["amountMinor"]


def test_a_currency_without_a_limit_is_approved_by_a_person(shop: Client, api: Api, settings: Any) -> None:
    settings.REFUND_LIMITS = {"api": {}}
    assert answer(post(api, paid(shop), amount=0.01))["needsApproval"] is True


# The key.


def test_a_repeated_request_is_the_same_refund(shop: Client, api: Api) -> None:
    payment = paid(shop)
    first, again = post(api, payment), post(api, payment)
    assert answer(first) == answer(again)
    assert (again.headers["Idempotent-Replayed"], again.headers["Location"]) == ("true", first.headers["Location"])
    assert (Refund.objects.count(), reload(payment).refund_reserved) == (1, 3000)


def test_two_keys_with_the_same_amount_are_two_refunds(shop: Client, api: Api) -> None:
    payment = paid(shop)
    answer(post(api, payment))
    answer(post(api, payment, idempotencyKey="order-1-refund-2"))
    assert (Refund.objects.count(), reload(payment).refund_reserved) == (2, 6000)


@pytest.mark.parametrize("header", ["order-1-refund", '"order-1-refund"'])
def test_the_key_may_come_as_a_header(shop: Client, api: Api, header: str) -> None:
    payment = paid(shop)
    only = post(api, payment, idempotencyKey=None, headers={"idempotency_key": header})
    both = post(api, payment, headers={"idempotency_key": header})
    assert (answer(only), both.headers["Idempotent-Replayed"]) == (answer(both), "true")


def test_the_line_ends_of_a_note_become_spaces(shop: Client, api: Api) -> None:
    found = answer(post(api, paid(shop), note="Size too small.\r\nSent back on Monday.\n"))
    assert found["note"] == Refund.objects.get().note == "Size too small. Sent back on Monday."


@pytest.mark.parametrize("change", [{"amount": 30.01}, {"reason": "duplicate"}, {"note": "other"}])
def test_the_key_of_another_refund_is_refused(shop: Client, api: Api, change: dict[str, Any]) -> None:
    payment = paid(shop)
    answer(post(api, payment))
    assert refused(api, payment, 422, **change)["code"] == "idempotency_key_reused"


def test_the_key_of_a_refund_of_another_payment_is_refused(shop: Client, api: Api) -> None:
    answer(post(api, paid(shop)))
    other = paid(shop, "order-2-pay", order="order-2")
    assert refused(api, other, 422)["code"] == "idempotency_key_reused"


def test_two_shops_may_use_the_same_key(shop: Client, api: Api) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    theirs = paid(other)
    answer(post(api, paid(shop)))
    answer(post(api_of(other), theirs))
    assert Refund.objects.count() == 2


# At once.


def test_ten_equal_requests_at_once_are_one_refund(shop: Client, api_key: str) -> None:
    payment = paid(shop)
    responses = at_once(10, lambda _: post(Api(api_key), payment))
    assert len({answer(response)["refundID"] for response in responses}) == 1
    assert sum("Idempotent-Replayed" not in response for response in responses) == 1
    assert reload(payment).refund_reserved == 3000


def test_ten_refunds_of_30_at_once_on_100_are_three(shop: Client, api_key: str) -> None:
    payment = paid(shop)
    responses = at_once(10, lambda number: post(Api(api_key), payment, idempotencyKey=f"refund-{number}"))
    assert sorted(response.status_code for response in responses) == [202] * 3 + [409] * 7
    assert (reload(payment).refund_reserved, Refund.objects.count()) == (9000, 3)


# Waiting.


def test_who_waits_gets_the_outcome(shop: Client, api: Api, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    settling = threading.Thread(target=_settle_soon, args=(settler,))
    settling.start()
    response = post(api, payment, headers={"prefer": "wait=15"})
    settling.join()
    assert (answer(response)["status"], response.headers["Preference-Applied"]) == ("succeeded", "wait=15")


def _settle_soon(settler: Settler) -> None:
    try:
        while not Refund.objects.exists():
            threading.Event().wait(0.02)
        settler.drain()
    finally:
        connection.close()


def test_nobody_waits_for_people(shop: Client, api: Api) -> None:
    payment = paid(shop, amount=20_000)
    assert answer(post(api, payment, amount=150, headers={"prefer": "wait=20"}))["status"] == "awaiting_approval"
