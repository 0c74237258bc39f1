"""POST /api/payments/process (requirements A1, A5, A12)."""

import json
import re

import pytest
from django.db import OperationalError

from payments.api import views
from payments.api.problems import Problem
from payments.models import ApiKey, AuditEntry, Client, Payment
from tests.payments.api.conftest import BODY, Api

pytestmark = pytest.mark.django_db


def test_a_payment_is_accepted_with_the_fields_of_the_contract(api: Api) -> None:
    response = api.process()
    assert response.status_code == 202
    answer = response.json()  # type: ignore[attr-defined]
    assert re.fullmatch(r"pay_[0-9a-z]{26}", answer["paymentID"])
    assert response["Location"] == f"/api/payments/{answer['paymentID']}"
    assert "Idempotent-Replayed" not in response
    expected = {
        "idempotencyKey": "order_123_payment_456",
        "status": "pending",
        "amount": 100.0,
        "amountMinor": 10000,
        "currency": "USD",
        "orderID": "order_123",
        "retryCount": 0,
        "maxRetries": 4,
        "lastError": None,
        "nextAction": None,
    }
    assert {name: answer[name] for name in expected} == expected
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer["createdAt"])


@pytest.mark.parametrize(
    ("currency", "sent", "minor", "written"),
    [
        ("USD", "100.10", 10010, "100.10"),
        ("JPY", "1250", 1250, "1250"),
        ("KWD", "1.250", 1250, "1.250"),
        ("USD", "7", 700, "7.00"),
    ],
)
def test_the_amount_is_exact_with_the_currencys_decimals(
    api: Api, currency: str, sent: str, minor: int, written: str
) -> None:
    body = json.dumps({**BODY, "amount": 0, "currency": currency}).replace('"amount": 0', f'"amount": {sent}')
    response = api.post("/api/payments/process", body)
    assert f'"amount":{written},' in response.content.decode()
    assert Payment.objects.get().amount == minor


def test_a_replay_has_the_same_status_code_and_says_so(api: Api) -> None:
    first, again = api.process(), api.process()
    assert (first.status_code, again.status_code) == (202, 202)
    assert again["Idempotent-Replayed"] == "true"
    assert first.json()["paymentID"] == again.json()["paymentID"]  # type: ignore[attr-defined]
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("header", ["order_123_payment_456", '"order_123_payment_456"'])
def test_the_key_may_come_as_a_header(api: Api, header: str) -> None:
    without = {name: value for name, value in BODY.items() if name != "idempotencyKey"}
    assert api.post("/api/payments/process", without, idempotency_key=header).status_code == 202
    assert Payment.objects.get().idempotency_key == "order_123_payment_456"


def test_the_same_request_spelt_otherwise_is_the_same_request(api: Api) -> None:
    api.process()
    body = '{"currency": "USD", "amount": 100, ' + json.dumps(BODY).split(",", 2)[2].split('"currency": "USD",')[1]
    body = body.rstrip("}") + '}, "idempotencyKey": "order_123_payment_456"}'
    assert api.post("/api/payments/process", body)["Idempotent-Replayed"] == "true"


def test_the_same_key_for_another_request_is_422_and_changes_nothing(api: Api) -> None:
    api.process()
    response = api.process(amount=99.99)
    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_reused"  # type: ignore[attr-defined]
    assert Payment.objects.get().amount == 10000
    assert AuditEntry.objects.count() == 1


def test_another_amount_for_the_same_order_is_409_and_changes_nothing(api: Api) -> None:
    api.process()
    response = api.process(idempotencyKey="another-key", amount=99.99)
    assert response.status_code == 409
    assert response.json()["code"] == "order_amount_mismatch"  # type: ignore[attr-defined]
    assert Payment.objects.count() == 1


def test_another_card_for_a_live_order_is_409_and_names_the_payment(api: Api) -> None:
    live = api.process().json()["paymentID"]  # type: ignore[attr-defined]
    response = api.process(idempotencyKey="another-key", paymentMethod={"type": "card", "token": "tok_other"})
    answer = response.json()  # type: ignore[attr-defined]
    assert (response.status_code, answer["code"], answer["paymentID"]) == (409, "order_has_live_payment", live)
    assert Payment.objects.count() == 1


def test_metadata_is_optional(api: Api) -> None:
    without = {name: value for name, value in BODY.items() if name != "metadata"}
    assert api.post("/api/payments/process", without).status_code == 202


def test_waiting_ends_with_202_when_the_outcome_is_not_known_in_time(api: Api) -> None:
    response = api.post("/api/payments/process", BODY, prefer="wait=1")
    assert response.status_code == 202
    assert response["Preference-Applied"] == "wait=1"
    assert response.json()["status"] == "pending"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Basic YTpi", "Bearer psk_test_" + "x" * 32, "Bearer ключ" + "x" * 20],
)
def test_without_a_valid_key_everything_is_the_same_401(api: Api, authorization: str) -> None:
    response = api.post("/api/payments/process", BODY, authorization=authorization)
    answer = response.json()  # type: ignore[attr-defined]
    assert (response.status_code, answer["code"]) == (401, "unauthenticated")
    assert response["WWW-Authenticate"] == "Bearer"
    assert not Payment.objects.exists()


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}])
def test_a_key_in_the_query_string_is_refused(api: Api, api_key: str, headers: dict[str, str]) -> None:
    response = api.post(f"/api/payments/process?api_key={api_key}", BODY, **headers)
    assert response.status_code == 401
    assert not Payment.objects.exists()


def test_a_key_that_may_only_read_cannot_charge(shop: Client) -> None:
    reader = ApiKey.issue(client=shop, scopes=["payments:read"], mode="test", label="reader")[1]
    response = Api(reader).process()
    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"  # type: ignore[attr-defined]
    assert not Payment.objects.exists()


@pytest.mark.parametrize("change", [{"mode": "live"}, {"revoked_at": "2026-01-01T00:00:00Z"}])
def test_a_revoked_key_and_a_key_of_the_other_mode_are_401(shop: Client, change: dict[str, str]) -> None:
    row, key = ApiKey.issue(client=shop, scopes=["payments:write"], mode="test", label="old")
    ApiKey.objects.filter(pk=row.pk).update(**change)
    assert Api(key).process().status_code == 401


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head", "trace"])
def test_other_methods_are_405(api: Api, method: str) -> None:
    assert getattr(api._browser, method)("/api/payments/process").status_code == 405


def test_an_accepted_payment_is_answered_even_if_waiting_for_it_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(Payment.objects, "select_related", away)
    response = api.post("/api/payments/process", BODY, prefer="wait=1")
    assert (response.status_code, response.json()["status"]) == (202, "pending")  # type: ignore[attr-defined]


def test_refusals_keep_nothing_of_the_requests_they_answered(api: Api) -> None:
    api.process()
    problems = [api.process(amount=99.99) for _ in range(3)]
    assert {problem.status_code for problem in problems} == {422}
    assert not [thing for thing in vars(views).values() if isinstance(thing, Problem)]


def test_a_key_that_is_a_number_is_refused_even_beside_an_equal_header(api: Api) -> None:
    response = api.post("/api/payments/process", {**BODY, "idempotencyKey": 12345}, idempotency_key="12345")
    assert response.status_code == 400
    assert not Payment.objects.exists()
