"""Recovery over the API (requirement C2)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import ApiKey, Client, Payment, RecoveryRun
from tests.payments.api.conftest import Api
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db


def read(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.content
    return dict(json.loads(response.content))


def test_a_run_says_what_it_found_and_put_right(api: Api, shop: Client) -> None:
    after(sent(shop), Kind.UNKNOWN, "read_timeout")
    Payment.objects.update(due_at=Now() + timedelta(hours=1))
    run = read(api.post("/api/recovery/process", ""))
    assert (run["trigger"], run["found"]["unknown"], run["repaired"]["askedNow"]) == ("api", 1, 1)
    assert read(api.post("/api/recovery/process", ""))["repaired"]["askedNow"] == 0


def test_the_status_tells_what_is_unknown_and_the_last_runs(api: Api, shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    run = read(api.post("/api/recovery/process", ""))
    status = read(api.get("/api/recovery/status"))
    assert (status["unknown"], status["oldestUnknown"]["paymentID"]) == (1, attempt.payment_id)
    assert [one["runID"] for one in status["lastRuns"]] == [run["runID"]]


def test_without_anything_unknown_it_says_so(api: Api) -> None:
    status = read(api.get("/api/recovery/status"))
    assert (status["unknown"], status["oldestUnknown"], status["lastRuns"]) == (0, None, [])


def test_another_clients_payments_and_runs_do_not_exist(api: Api, shop: Client) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    after(sent(other, "other-key"), Kind.UNKNOWN, "read_timeout")
    theirs = Api(ApiKey.issue(client=other, scopes=["recovery:run"], mode="test", label="tests")[1])
    read(theirs.post("/api/recovery/process", ""))
    status = read(api.get("/api/recovery/status"))
    assert (status["unknown"], status["lastRuns"]) == (0, [])


@pytest.mark.parametrize(("method", "path"), [("post", "/api/recovery/process"), ("get", "/api/recovery/status")])
def test_it_needs_its_scope(shop: Client, method: str, path: str) -> None:
    key = ApiKey.issue(client=shop, scopes=["payments:read"], mode="test", label="tests")[1]
    response = Api(key).post(path, "") if method == "post" else Api(key).get(path)
    assert response.status_code == 403
    assert RecoveryRun.objects.count() == 0


def test_a_payment_shows_the_money_that_was_taken_without_right(api: Api, shop: Client) -> None:
    payment = accepted(shop)
    assert read(api.get(f"/api/payments/{payment.pk}"))["surplusCharges"] == []
    attempt = sent(shop, "second-key", order="order-2")
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    after(attempt, Kind.SUCCEEDED, reference="ch_2")
    charges = read(api.get(f"/api/payments/{attempt.payment_id}"))["surplusCharges"]
    assert [(one["gatewayReference"], one["status"], one["amountMinor"]) for one in charges] == [("ch_2", "owed", 1250)]
