"""GET /api/refunds, GET /api/refunds/{refundID} and calling one off, as a program sees them (requirements D1, D6)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse

from payments import declines
from payments.clock import database_now
from payments.models import Client, DeclineRule
from refunds.admin import words
from refunds.events import of_refund
from refunds.models import Refund
from refunds.queries import refunds_of
from refunds.representation import refund
from tests.payments.api.conftest import Api, api_of, fields_of
from tests.payments.conftest import reload
from tests.refunds.api.conftest import everything
from tests.refunds.rows import attempted, paid, written

pytestmark = pytest.mark.django_db

LIST = "/api/refunds"


def body(response: HttpResponse, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.content
    return dict(json.loads(response.content))


def listed(api: Api, **query: str) -> list[str]:
    return [row["refundID"] for row in body(api.get(LIST, **query))["data"]]


# The list.


def test_the_list_is_newest_first_and_its_pages_have_every_refund_once(shop: Client, api: Api) -> None:
    payment = paid(shop)
    # Ids of one millisecond have an order of their own.
    made = sorted(written(payment, 100).pk for _ in range(5))
    first = body(api.get(LIST, limit="2"))
    second = body(api.get(LIST, limit="2", cursor=first["nextCursor"]))
    third = body(api.get(LIST, limit="2", cursor=second["nextCursor"]))
    pages = [[row["refundID"] for row in page["data"]] for page in (first, second, third)]
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    assert third["nextCursor"] is None


def test_the_list_is_filtered_by_payment_status_and_time(shop: Client, api: Api) -> None:
    one, other = paid(shop), paid(shop, "order-2-pay", order="order-2")
    first, second = written(one, 100), written(other, 100, state="awaiting_approval")
    assert listed(api, paymentID=one.pk) == [first.pk]
    assert listed(api, status="awaiting_approval") == [second.pk]
    assert listed(api, status="succeeded") == []
    assert listed(api, paymentID=one.pk, status="awaiting_approval") == []
    for seconds, expected in ((-1, {first.pk, second.pk}), (3600, set())):
        assert set(listed(api, createdAfter=(first.created_at + timedelta(seconds=seconds)).isoformat())) == expected


def test_the_list_by_status_is_read_by_its_index(shop: Client) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("The plan is SQLite's; PostgreSQL reads so few rows without any index.")
    plan = refunds_of(shop.pk).filter(state="unknown").order_by("-pk")[:51].explain()
    assert "refund_of_client_in_state (client_id=? AND state=?)" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"cursor": "pay_01jd3m0000000000000000000a"}, "cursor"),
        ({"paymentID": "rf_1"}, "paymentID"),
        ({"paymentID": "\0"}, "paymentID"),
        ({"status": "success"}, "status"),
        ({"createdAfter": "yesterday"}, "createdAfter"),
        ({"createdAfter": "2026-01-31T12:00:00"}, "createdAfter"),
        ({"client": "1"}, "client"),
    ],
)
def test_a_bad_parameter_is_named(api: Api, query: dict[str, str], field: str) -> None:
    response = api.get(LIST, **query)
    assert (response.status_code, fields_of(response)) == (400, [field])


def test_another_shops_refunds_are_not_there(shop: Client, api: Api, stranger: Api) -> None:
    refund = written(paid(shop))
    assert listed(stranger) == []
    assert listed(stranger, paymentID=refund.payment_id) == []
    known, unknown = (body(stranger.get(f"{LIST}/{name}"), 404) for name in (refund.pk, f"{refund.pk[:-2]}zz"))
    assert {**known, "timestamp": ""} == {**unknown, "timestamp": ""}
    assert body(api.get(f"{LIST}/pay_1"), 404)["code"] == "not_found"
    assert known["detail"] == "Nothing was done and no money moved. Check the id and the API key."


# One refund.


def test_a_refund_is_shown_with_its_attempts_in_their_order(shop: Client, api: Api) -> None:
    refund = written(paid(shop))
    first = attempted(refund)
    first.prove_not_sent(now=refund.created_at)
    first.save()
    attempted(refund, 2)
    found = body(api.get(f"{LIST}/{refund.pk}"))
    assert [(each["number"], each["status"], each["finishedAt"] is None) for each in found["attempts"]] == [
        (1, "not_sent", False),
        (2, "sent", True),
    ]
    assert set(found["attempts"][0]) == {"number", "status", "sentAt", "finishedAt"}


def test_a_refund_of_unknown_outcome_is_shown_as_unknown(shop: Client, api: Api) -> None:
    refund = written(paid(shop))
    refund.process(at=None)
    refund.save()
    refund.lose()
    refund.save()
    found = body(api.get(f"{LIST}/{refund.pk}"))
    assert (found["status"], found["outcomeUnknown"], found["finishedAt"]) == ("unknown", True, None)


def test_keys_that_were_made_here_and_the_gateways_words_are_not_shown(shop: Client, api: Api) -> None:
    refund = written(paid(shop), idempotency_key="~console:1", message="insufficient balance of merchant")
    response = api.get(f"{LIST}/{refund.pk}")
    assert body(response)["idempotencyKey"] is None
    assert b"insufficient" not in response.content


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("stolen_card", "card_declined"),
        ("lost_card", "card_declined"),
        ("lost_or_stolen_card", "card_declined"),
        ("suspected_fraud", "card_declined"),
        ("blocklist", "card_declined"),
        ("unheard_of", "card_declined"),
        ("account_closed", "account_closed"),
        ("insufficient_balance", "insufficient_balance"),
        ("refund_window_over", "refund_window_over"),
        ("gateway_rejected", "gateway_rejected"),
        ("", None),
    ],
)
def test_a_reason_of_fraud_or_one_that_nobody_mapped_reaches_no_shop(
    shop: Client, api: Api, code: str, shown: str | None
) -> None:
    row = written(paid(shop), state="failed", error_code=code)
    assert body(api.get(f"{LIST}/{row.pk}"))["failureCode"] == shown
    assert body(api.get(LIST))["data"][0]["failureCode"] == shown
    told = of_refund(row.payment, row, "refund.failed", row.created_at)
    assert json.loads(told.body)["data"]["refund"]["failureCode"] == shown


def _failed(code: str) -> Refund:
    now = database_now()
    return Refund(amount=3000, currency="USD", error_code=code, created_at=now, updated_at=now)


def test_every_code_that_has_words_for_people_is_told_to_shops_unless_it_tells_of_fraud() -> None:
    hidden = [code for code in words.CODES if refund(_failed(code))["failureCode"] != code]
    assert hidden == ["lost_or_stolen_card"]


def test_people_of_the_team_read_the_true_reason(shop: Client) -> None:
    row = written(paid(shop), state="failed", error_code="lost_or_stolen_card")
    assert words.of_refund(row) == "The customer did not get the money: the customer's card is lost or stolen"


def test_a_code_that_a_rule_calls_fraud_reaches_no_shop(shop: Client, api: Api) -> None:
    row = written(paid(shop), state="failed", error_code="expired_or_canceled_card")
    assert body(api.get(f"{LIST}/{row.pk}"))["failureCode"] == "expired_or_canceled_card"
    DeclineRule.objects.create(code="expired_or_canceled_card", decline_class="fraud", internal_message="Hot list")
    declines.forget()
    try:
        assert body(api.get(f"{LIST}/{row.pk}"))["failureCode"] == "card_declined"
    finally:
        declines.forget()


# Calling it off.


@pytest.mark.parametrize("state", ["requested", "awaiting_approval"])
def test_what_was_not_sent_can_be_called_off_and_its_amount_is_free_again(shop: Client, api: Api, state: str) -> None:
    payment = paid(shop)
    refund = written(payment, state=state, needs_approval=state == "awaiting_approval")
    found = body(api.post(f"{LIST}/{refund.pk}/cancel", {}))
    assert (found["status"], found["failureCode"], found["finishedAt"] is None) == ("rejected", "called_off", False)
    assert reload(payment).refund_reserved == 0


@pytest.mark.parametrize(
    ("state", "words", "reserved"),
    [
        ("processing", "The refund is under way: the money goes back.", 3000),
        ("succeeded", "The refund has been made: the money went back before.", 3000),
        ("failed", "The refund failed: its amount can be refunded again, with a new key.", 0),
    ],
)
def test_what_was_sent_cannot_be_called_off_and_the_refusal_says_where_the_money_is(
    shop: Client, api: Api, state: str, words: str, reserved: int
) -> None:
    payment = paid(shop)
    refund = written(payment, state=state)
    before = everything()
    found = body(api.post(f"{LIST}/{refund.pk}/cancel", {}), 409)
    # By this request, as of every problem.
    assert (found["code"], found["moneyMoved"]) == ("not_cancelable", False)
    assert found["detail"] == f"{words} It can not be called off any more: this request changed nothing."
    assert (everything(), reload(payment).refund_reserved) == (before, reserved)


def test_a_refund_of_unknown_outcome_cannot_be_called_off(shop: Client, api: Api) -> None:
    refund = written(paid(shop))
    refund.process(at=None)
    refund.save()
    refund.lose()
    refund.save()
    before = everything()
    found = body(api.post(f"{LIST}/{refund.pk}/cancel", {}), 409)
    assert found["detail"].startswith("Whether the refund was made is being found out: do not refund in another way. ")
    assert everything() == before


def test_a_refund_that_was_called_off_cannot_be_called_off_again(shop: Client, api: Api) -> None:
    refund = written(paid(shop))
    assert api.post(f"{LIST}/{refund.pk}/cancel", {}).status_code == 200
    before = everything()
    found = body(api.post(f"{LIST}/{refund.pk}/cancel", {}), 409)
    assert found["detail"] == (
        "The refund was called off before, and nothing of it was sent. It can not be called off any more: this request "
        "changed nothing."
    )
    assert everything() == before


def test_another_shops_refund_cannot_be_called_off(shop: Client, stranger: Api) -> None:
    refund = written(paid(shop))
    assert stranger.post(f"{LIST}/{refund.pk}/cancel", {}).status_code == 404
    assert Refund.objects.get().state == "requested"


# Who may.


def test_reading_and_writing_have_their_own_scopes(shop: Client) -> None:
    refund = written(paid(shop))
    reader, writer = api_of(shop, "refunds:read"), api_of(shop, "refunds:write")
    one = f"{LIST}/{refund.pk}"
    assert [reader.get(path).status_code for path in (LIST, one)] == [200, 200]
    assert [writer.get(path).status_code for path in (LIST, one)] == [403, 403]
    assert reader.post(f"{one}/cancel", {}).status_code == 403
    assert Refund.objects.get().state == "requested"
    assert writer.post(f"{one}/cancel", {}).status_code == 200


def test_nobody_is_nobody(shop: Client) -> None:
    refund = written(paid(shop))
    nobody = Api("psk_test_of_nobody_at_all_000")
    assert [nobody.get(path).status_code for path in (LIST, f"{LIST}/{refund.pk}")] == [401, 401]
    assert nobody.post(f"{LIST}/{refund.pk}/cancel", {}).status_code == 401
