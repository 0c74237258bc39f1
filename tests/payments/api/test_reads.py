"""Reading payments, keys and the audit trail (requirements A2, A4, G1; invariant 41)."""

from typing import Any

import pytest
from django.db import OperationalError

from payments import queries
from payments.audit import Because
from payments.gateways.base import Kind
from payments.models import SCOPES, ApiKey, Client, OperatorTask, Payment
from payments.services.close_task import close_task
from tests.payments.api.conftest import BODY, Api
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranger(db: None) -> Api:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    return Api(ApiKey.issue(client=other, scopes=list(SCOPES), mode="test", label="other")[1])


def json_of(response: Any) -> dict[str, Any]:
    return response.json()  # type: ignore[no-any-return]


def test_a_payment_shows_its_attempts(api: Api, shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    answer = json_of(api.get(f"/api/payments/{attempt.payment_id}"))
    assert (answer["status"], answer["amountMinor"], answer["orderID"]) == ("success", 1250, "order-1")
    [shown] = answer["attempts"]
    assert (shown["number"], shown["status"], shown["gatewayReference"]) == (1, "succeeded", "ch_1")


def test_the_status_is_small_and_true(api: Api, shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    answer = json_of(api.get(f"/api/payments/{attempt.payment_id}/status"))
    assert (answer["status"], answer["outcomeUnknown"], answer["lastError"]) == ("processing", True, None)
    assert answer["customerMessage"] == (
        "We are checking with the bank what became of your payment. "
        "You will not be charged twice. Please do not pay again."
    )


@pytest.mark.parametrize("wait", ["-1", "x", "1.5", "99999", "١"])
def test_a_wait_that_is_no_number_of_seconds_is_400(api: Api, shop: Client, wait: str) -> None:
    payment = accepted(shop)
    assert api.get(f"/api/payments/{payment.pk}/status", wait=wait).status_code == 400


@pytest.mark.parametrize("code", ["stolen_card", "lost_card", "pickup_card", "fraud_detected", "blocklist"])
def test_a_reason_of_fraud_is_shown_nowhere(api: Api, shop: Client, code: str) -> None:
    attempt = sent(shop)
    after(attempt, Kind.DECLINED, code, decline_code=code, message=f"declined: {code}")
    for path in (f"/api/payments/{attempt.payment_id}", f"/api/payments/{attempt.payment_id}/status", "/api/payments"):
        assert code not in api.get(path).content.decode()
    trail = api.get("/api/audit/payments", paymentID=attempt.payment_id).content.decode()
    assert code not in trail
    error = json_of(api.get(f"/api/payments/{attempt.payment_id}"))["lastError"]
    assert (error["code"], error["retryable"]) == ("card_declined", False)
    assert error["message"] == "Your card was declined. Please try a different card."


@pytest.mark.parametrize(
    "path", ["/api/payments/{id}", "/api/payments/{id}/status", "/api/audit/payments?paymentID={id}"]
)
def test_another_shops_payment_does_not_exist(stranger: Api, shop: Client, path: str) -> None:
    payment = accepted(shop)
    theirs, missing = stranger.get(path.format(id=payment.pk)), stranger.get(path.format(id="pay_missing"))
    assert theirs.status_code == missing.status_code == 404
    without_time = [{**json_of(response), "timestamp": None} for response in (theirs, missing)]
    assert without_time[0] == without_time[1]


def test_another_shops_payments_are_not_listed(stranger: Api, shop: Client) -> None:
    accepted(shop)
    assert json_of(stranger.get("/api/payments"))["data"] == []


def test_a_list_goes_on_from_its_cursor_without_gaps(api: Api, shop: Client) -> None:
    made = [accepted(shop, f"key-{number}", order=f"order-{number}").pk for number in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = json_of(api.get("/api/payments", limit="2", **cursor))
        seen += [row["paymentID"] for row in page["data"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert seen == sorted(made, reverse=True)


def test_a_list_is_filtered(api: Api, shop: Client) -> None:
    paid = after(sent(shop, "key-1", order="order-1"), Kind.SUCCEEDED, reference="ch_1")
    accepted(shop, "key-2", order="order-2")
    for query in ({"status": "success"}, {"orderID": "order-1"}):
        assert [row["paymentID"] for row in json_of(api.get("/api/payments", **query))["data"]] == [paid.pk]
    assert json_of(api.get("/api/payments", createdAfter="2999-01-01T00:00:00Z"))["data"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "101"), ("limit", "x"), ("status", "paid"), ("createdAfter", "yesterday")]
    + [
        ("createdAfter", "2026-01-01T00:00:00"),
        ("createdAfter", "2026-13-45T00:00:00Z"),
        ("createdAfter", "9999-12-31T23:59:59-23:00"),
        ("cursor", "a\0b"),
    ]
    + [("order_by", "amount"), ("amount__gt", "1"), ("orderID", "\0")],
)
def test_a_filter_that_is_none_is_400(api: Api, name: str, value: str) -> None:
    assert api.get("/api/payments", **{name: value}).status_code == 400


def test_a_free_key_is_free_and_stays_free(api: Api) -> None:
    answer = json_of(api.post("/api/payments/validate-key", {"idempotencyKey": "a-free-key"}))
    assert answer == {"idempotencyKey": "a-free-key", "state": "free", "paymentID": None, "expiresAt": None}
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("body", "state"),
    [({"idempotencyKey": BODY["idempotencyKey"]}, "used"), (BODY, "same"), ({**BODY, "amount": 1.00}, "different")],
)
def test_a_used_key_names_its_payment(api: Api, body: dict[str, Any], state: str) -> None:
    payment_id = json_of(api.process())["paymentID"]
    answer = json_of(api.post("/api/payments/validate-key", body))
    assert (answer["state"], answer["paymentID"]) == (state, payment_id)


@pytest.mark.parametrize("body", [{"idempotencyKey": "1"}, {}, [], {"idempotencyKey": None}])
def test_a_key_to_validate_must_be_a_key(api: Api, body: Any) -> None:
    assert api.post("/api/payments/validate-key", body).status_code == 400


def test_a_keys_record_is_shown(api: Api) -> None:
    payment_id = json_of(api.process())["paymentID"]
    answer = json_of(api.get(f"/api/payments/key/{BODY['idempotencyKey']}"))
    assert (answer["key"], answer["paymentID"], answer["status"]) == (BODY["idempotencyKey"], payment_id, "pending")
    assert len(answer["requestHash"]) == 64


def test_a_key_with_a_slash_can_be_asked_for(api: Api) -> None:
    api.process(idempotencyKey="orders/123/pay")
    assert json_of(api.get("/api/payments/key/orders/123/pay"))["key"] == "orders/123/pay"


def test_an_unknown_key_and_another_shops_key_are_404(api: Api, stranger: Api) -> None:
    api.process()
    assert api.get("/api/payments/key/never-used").status_code == 404
    assert stranger.get(f"/api/payments/key/{BODY['idempotencyKey']}").status_code == 404


def test_the_audit_trail_tells_the_whole_story_in_order(api: Api, shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    rows = json_of(api.get("/api/audit/payments", paymentID=attempt.payment_id))["data"]
    assert [row["action"] for row in rows] == [
        "payment.accepted",
        "payment.processing",
        "attempt.succeeded",
        "payment.succeeded",
    ]
    assert {row["actor"] for row in rows} == {"worker:test"}


def test_the_audit_trail_needs_a_payment(api: Api) -> None:
    assert api.get("/api/audit/payments").status_code == 400


def test_a_pending_payment_can_be_canceled_once_and_again(api: Api, shop: Client) -> None:
    payment = accepted(shop)
    for _ in range(2):
        answer = api.post(f"/api/payments/{payment.pk}/cancel", "")
        assert (answer.status_code, json_of(answer)["status"]) == (200, "canceled")
    rows = json_of(api.get("/api/audit/payments", paymentID=payment.pk))["data"]
    assert [row["action"] for row in rows] == ["payment.accepted", "payment.canceled"]


@pytest.mark.parametrize(("kind", "code"), [(Kind.UNKNOWN, "outcome_open"), (Kind.SUCCEEDED, "already_paid")])
def test_what_may_have_been_charged_cannot_be_canceled(api: Api, shop: Client, kind: Kind, code: str) -> None:
    payment = after(sent(shop), kind, reference="ch_1")
    answer = api.post(f"/api/payments/{payment.pk}/cancel", "")
    assert (answer.status_code, json_of(answer)["code"]) == (409, code)
    assert Payment.objects.get().status == payment.status


def test_another_shop_cannot_cancel(stranger: Api, shop: Client) -> None:
    payment = accepted(shop)
    assert stranger.post(f"/api/payments/{payment.pk}/cancel", "").status_code == 404
    assert Payment.objects.get().status == "pending"


def test_an_unknown_address_is_a_problem_and_no_page(api: Api) -> None:
    response = api.get("/api/nothing/here")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


def test_an_operators_name_and_words_are_not_for_the_shop(api: Api, shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.DECLINED, decline_code="stolen_card", alert=True)
    anna = Because("operator:anna", "console:close-task")
    task = OperatorTask.objects.get()
    close_task(task_id=task.pk, operator="anna", because=anna, resolution="the issuer says stolen_card, keep quiet")
    trail = api.get("/api/audit/payments", paymentID=attempt.payment_id)
    last = json_of(trail)["data"][-1]
    assert (last["action"], last["actor"], last["details"]) == ("task.closed", "operator", "")
    assert "stolen_card" not in trail.content.decode()


@pytest.mark.parametrize("path", ["/api/payments/pay_%00", "/api/payments/pay_%00/status", "/api/payments/key/ab%00cd"])
def test_an_address_that_can_name_nothing_is_404(api: Api, path: str) -> None:
    assert api.get(path).status_code == 404


def test_while_the_database_is_away_nobody_is_told_that_no_money_moved(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(queries, "payments_of", away)
    response = api.get("/api/payments")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert json_of(response)["moneyMoved"] is None
