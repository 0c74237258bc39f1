"""POST …/retry as a program sees it (requirements A3, A7; docs/ladder.md)."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.api.retry import _WHY_NOT
from payments.gateways.base import Kind
from payments.models import ApiKey, Attempt, AuditEntry, Client, IdempotencyRecord, Payment
from payments.services.claim import claim
from tests.payments.api.conftest import Api, fields_of
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent

pytestmark = pytest.mark.django_db

CARD = {"type": "card", "token": "tok_visa_4242"}
NEW_CARD = {"paymentMethod": CARD}


def path_of(payment: Payment) -> str:
    return f"/api/payments/{payment.pk}/retry"


def failed(shop: Client, code: str = "expired_card") -> Payment:
    return after(sent(shop), Kind.DECLINED, decline_code=code)


def everything() -> list[Any]:
    models = (Payment, Attempt, AuditEntry, IdempotencyRecord)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def refused(api: Api, payment: Payment, body: Any = None, **options: Any) -> dict[str, Any]:
    """Return the problem that the request meets, having looked that nothing moved; its status as `was`."""
    before = everything()
    response = api.post(path_of(payment), {} if body is None else body, **options)
    assert everything() == before
    assert response.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(response.content)
    assert found["status"] == response.status_code
    return found


# What it does.


def test_a_new_card_gets_a_new_version_and_its_address(shop: Client, api: Api) -> None:
    first = failed(shop)
    response = api.post(path_of(first), NEW_CARD)
    answer = response.json()  # type: ignore[attr-defined]
    second = Payment.objects.get(retry_of=first.pk)
    assert (response.status_code, response.headers["Location"]) == (202, f"/api/payments/{second.pk}")
    wanted = {"paymentID": second.pk, "retryOf": first.pk, "version": 2, "status": "pending", "amountMinor": 1250}
    wanted |= {"degradationLevel": 1, "acceptedForLater": False, "alternatives": [], "nextTryAt": None}
    wanted |= {"idempotencyKey": "order-1-pay_v2", "retryCount": 0, "lastError": None}
    assert {name: answer[name] for name in wanted} == wanted
    assert (reload(first).status, reload(first).version) == ("failed", 1)
    assert AuditEntry.objects.get(action="payment.retried").actor.startswith("client:")


def test_the_answer_to_a_repeated_request_is_the_same(shop: Client, api: Api) -> None:
    first = failed(shop)
    answers = [api.post(path_of(first), NEW_CARD).json() for _ in range(3)]  # type: ignore[attr-defined]
    assert answers[0] == answers[1] == answers[2]
    assert Payment.objects.count() == 2


@pytest.mark.parametrize("body", [{}, b"", "{}"])
def test_without_a_card_the_same_one_is_meant(shop: Client, api: Api, body: Any) -> None:
    first = failed(shop, "3ds_failed")
    response = api.post(path_of(first), body)
    assert response.status_code == 202
    assert Payment.objects.get(retry_of=first.pk).method_token == first.method_token


def test_a_payment_that_is_being_tried_is_brought_forward_and_stays_itself(shop: Client, api: Api) -> None:
    payment = failed(shop, "velocity")
    Payment.objects.update(due_at=Now() + timedelta(seconds=0.9))
    response = api.post(path_of(payment), {})
    answer = response.json()  # type: ignore[attr-defined]
    assert (response.status_code, answer["paymentID"], answer["status"]) == (202, payment.pk, "retrying")
    assert (answer["retryCount"], answer["version"], answer["retryOf"]) == (1, 1, None)
    assert answer["nextTryAt"] == answer["updatedAt"]


def test_a_payment_being_tried_is_replaced_for_another_card(shop: Client, api: Api) -> None:
    payment = failed(shop, "velocity")
    answer = api.post(path_of(payment), NEW_CARD).json()  # type: ignore[attr-defined]
    assert (answer["retryOf"], reload(payment).status) == (payment.pk, "canceled")
    assert Payment.objects.filter(status="pending").count() == 1


# What it refuses.


def test_each_refusal_says_why_and_moves_nothing(shop: Client, api: Api) -> None:
    payment = failed(shop)
    assert refused(api, payment)["code"] == "needs_another_card"
    assert refused(api, payment, {"paymentMethod": {"type": "card", "token": payment.method_token}})["status"] == 409
    second = api.post(path_of(payment), NEW_CARD).json()["paymentID"]  # type: ignore[attr-defined]
    third = {"paymentMethod": {"type": "card", "token": "tok_visa_3"}}
    problem = refused(api, payment, third)
    assert (problem["code"], problem["paymentID"]) == ("superseded", second)
    assert problem["detail"].endswith("Nothing was changed by this request.")


@pytest.mark.parametrize(
    ("kind", "more", "code"),
    [
        (Kind.SUCCEEDED, {"reference": "ch_1"}, "already_paid"),
        (Kind.UNKNOWN, {}, "outcome_open"),
        (Kind.ACTION_REQUIRED, {"reference": "ch_1", "action_url": "https://bank.test/"}, "waiting_for_customer"),
        (Kind.DECLINED, {"decline_code": "stolen_card"}, "needs_another_card"),
        (Kind.DECLINED, {"decline_code": "do_not_honor", "never_again": True}, "network_limit"),
    ],
)
def test_the_refusal_names_the_state(shop: Client, api: Api, kind: Kind, more: dict[str, Any], code: str) -> None:
    problem = refused(api, after(sent(shop), kind, **more))
    assert (problem["status"], problem["code"]) == (409, code)
    assert "stolen" not in json.dumps(problem)


def test_a_payment_in_review_is_refused(shop: Client, api: Api) -> None:
    payment = after(sent(shop), Kind.UNKNOWN)
    Payment.objects.update(status="review")
    assert refused(api, payment, NEW_CARD)["code"] == "in_review"


def test_another_payment_of_the_order_is_named(shop: Client, api: Api) -> None:
    payment = failed(shop)
    other = accepted(shop, "another-key", token="tok_visa_1")
    problem = refused(api, payment, NEW_CARD)
    assert (problem["code"], problem["paymentID"]) == ("order_has_live_payment", other.pk)
    claim(10, BECAUSE)
    after(Attempt.objects.get(payment=other), Kind.SUCCEEDED, reference="ch_1")
    problem = refused(api, payment, NEW_CARD)
    assert (problem["code"], problem["paymentID"]) == ("already_paid", other.pk)


def test_another_shops_payment_is_not_found(shop: Client, api: Api) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x", return_origins=["https://other.test"])
    payment = after(sent(other), Kind.DECLINED, decline_code="expired_card")
    assert refused(api, payment, NEW_CARD)["status"] == 404


def test_an_unknown_payment_is_not_found(shop: Client, api: Api) -> None:
    assert api.post("/api/payments/pay_00000000000000000000000000/retry", NEW_CARD).status_code == 404


def test_a_key_that_may_only_read_may_not_retry(shop: Client) -> None:
    payment = failed(shop)
    key = ApiKey.issue(client=shop, scopes=["payments:read"], mode="test", label="reader")[1]
    assert refused(Api(key), payment, NEW_CARD)["status"] == 403


def test_without_a_key_nothing_is_said(shop: Client) -> None:
    assert refused(Api("psk_test_wrong"), failed(shop), NEW_CARD)["status"] == 401


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], [""]),
        ("null", [""]),
        ('"tok_visa_1"', [""]),
        ("12", [""]),
        ({"paymentMethod": None}, ["paymentMethod"]),
        ({"paymentMethod": "tok_visa_1"}, ["paymentMethod"]),
        ({"paymentMethod": []}, ["paymentMethod"]),
        ({"paymentMethod": {}}, ["paymentMethod.type", "paymentMethod.token"]),
        ({"paymentMethod": {"type": "card"}}, ["paymentMethod.token"]),
        ({"paymentMethod": {"type": "cash", "token": "tok_visa_1"}}, ["paymentMethod.type"]),
        ({"paymentMethod": {"type": "card", "token": ""}}, ["paymentMethod.token"]),
        ({"paymentMethod": {"type": "card", "token": 12}}, ["paymentMethod.token"]),
        ({"paymentMethod": {"type": "card", "token": "t" * 256}}, ["paymentMethod.token"]),
        ({"paymentMethod": {"type": "card", "token": "tok 1"}}, ["paymentMethod.token"]),
        ({"paymentMethod": {"type": "card", "token": "tok_4242424242424242"}}, ["paymentMethod.token"]),
        ({"paymentMethod": {**CARD, "cvc": "123"}}, ["paymentMethod.cvc"]),
        ({**NEW_CARD, "amount": 1}, ["amount"]),
        ({**NEW_CARD, "currency": "EUR", "amount": 1}, ["amount", "currency"]),
        ({"idempotencyKey": "mine"}, ["idempotencyKey"]),
    ],
)
def test_a_bad_body_is_refused_by_field(shop: Client, api: Api, body: Any, fields: list[str]) -> None:
    payment = failed(shop)
    before = everything()
    response = api.post(path_of(payment), body)
    assert response.status_code == 400
    assert sorted(fields_of(response)) == sorted(fields)
    assert everything() == before


@pytest.mark.parametrize(("body", "status"), [("{", 400), (b"\xff", 400), ('{"a": 1, "a": 2}', 400)])
def test_what_is_no_json_is_refused(shop: Client, api: Api, body: Any, status: int) -> None:
    assert refused(api, failed(shop), body)["status"] == status


def test_another_media_type_is_refused(shop: Client, api: Api) -> None:
    assert (
        refused(api, failed(shop), "paymentMethod=1", content_type="application/x-www-form-urlencoded")["status"] == 415
    )


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_it_is_a_post(shop: Client, api: Api, method: str) -> None:
    response = getattr(api._browser, method)(path_of(failed(shop)))
    assert response.status_code == 405


def test_a_bad_body_for_another_shops_payment_does_not_tell_that_it_is_there(shop: Client, api: Api) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x", return_origins=["https://other.test"])
    theirs = after(sent(other), Kind.DECLINED, decline_code="expired_card")
    answers = [api.post(path, {"amount": 1}) for path in (path_of(theirs), "/api/payments/pay_0/retry")]
    assert {answer.status_code for answer in answers} == {400}


# What the answers say of the ladder.


def shown(api: Api, payment: Payment) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(api.get(f"/api/payments/{payment.pk}").content)
    return found


def test_a_fresh_payment_is_on_level_1(shop: Client, api: Api) -> None:
    found = shown(api, accepted(shop))
    wanted: dict[str, Any] = {"degradationLevel": 1, "nextTryAt": None, "acceptedForLater": False, "alternatives": []}
    assert {name: found[name] for name in wanted} == wanted


def test_a_retrying_payment_says_when(shop: Client, api: Api) -> None:
    payment = failed(shop, "velocity")
    found = shown(api, payment)
    assert payment.due_at is not None
    assert found["nextTryAt"] == payment.due_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert (found["acceptedForLater"], found["alternatives"]) == (False, [])


def test_an_accepted_order_says_so_until_it_ended(shop: Client, api: Api) -> None:
    payment = failed(shop, "velocity")
    Payment.objects.update(queued_at=Now(), level=4)
    found = shown(api, payment)
    assert (found["status"], found["degradationLevel"], found["acceptedForLater"]) == ("retrying", 4, True)
    after(Attempt.objects.get(), Kind.SUCCEEDED, reference="ch_late")
    found = shown(api, payment)
    assert (found["status"], found["acceptedForLater"], found["nextTryAt"]) == ("success", False, None)


def test_a_failed_payment_suggests_other_ways(shop: Client, api: Api, settings: Any) -> None:
    settings.ALTERNATIVES = ["PayPal", "Invoice"]
    found = shown(api, failed(shop))
    assert (found["degradationLevel"], found["alternatives"], found["nextTryAt"]) == (5, ["PayPal", "Invoice"], None)


# What docs/ladder.md says.

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "ladder.md"


def names_under(heading: str) -> set[str]:
    """Return the names in the first column of the table under `heading`."""
    text = DOCUMENT.read_text().partition(f"## {heading}")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", text, flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_document_lists_every_refusal() -> None:
    assert names_under("Trying again") == set(_WHY_NOT)


def test_the_document_explains_fields_that_there_are(shop: Client, api: Api) -> None:
    fields = names_under("What the API says of it")
    assert "degradationLevel" in fields
    assert fields <= set(shown(api, accepted(shop)))


def test_the_numbers_of_the_document_are_the_settings(settings: Any) -> None:
    text = " ".join(DOCUMENT.read_text().split())
    for words in (
        f"After soft declines at most {settings.SOFT_TRIES} tries in all",
        f"a gateway's fault or ours at most {settings.PROCESSING_TRIES};",
        f"payment ({settings.MAX_RETRIES}) caps both",
        f"`PAYSITE_TRUST_PAYMENTS` ({settings.TRUST_PAYMENTS})",
        f"`PAYSITE_TRUST_DAYS` ({settings.TRUST_DAYS})",
        f"`PAYSITE_DRAIN_PER_SECOND` ({settings.DRAIN_PER_SECOND})",
    ):
        assert words in text
