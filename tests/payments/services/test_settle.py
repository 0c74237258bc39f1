"""Settling against a real gateway over HTTP (requirements B1–B3; invariants 3, 12, 25, 26)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from payments.models import Attempt, Client, LedgerPosting, Payment
from payments.reliability import calls
from payments.reliability.gateways import gateway_named
from payments.services.route import Nobody, Route, Router, Wait
from payments.services.settle import Settler
from tests.payments.conftest import accepted, reload
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


def make_due() -> None:
    Payment.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))


def settle_again(settler: Settler) -> None:
    """Let the time of the next step come, and take it."""
    make_due()
    settler.drain()


def captures(gateway: SandboxProcess, payment: Payment) -> list[dict[str, Any]]:
    return [charge for charge in gateway.charges(reference=payment.pk) if charge["status"] == "succeeded"]


def test_a_payment_becomes_successful_with_one_charge(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = accepted(shop)
    settler.drain()
    assert reload(payment).status == "success"
    [charge] = captures(gateway, payment)
    attempt = Attempt.objects.get()
    assert (charge["id"], charge["amount"], charge["currency"]) == (attempt.gateway_reference, 1250, "USD")
    assert charge["idempotency_key"] == attempt.gateway_key == f"{payment.pk}-a1"


def test_a_hundred_payments_are_settled_together(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payments = [accepted(shop, f"key-{number}", order=f"order-{number}") for number in range(100)]
    settler.drain()
    assert Payment.objects.filter(status="success").count() == 100
    assert LedgerPosting.objects.count() == 100
    references = [charge["reference"] for charge in gateway.ledger()]
    assert all(references.count(payment.pk) == 1 for payment in payments)


@pytest.mark.parametrize("code", ["insufficient_funds", "expired_card", "stolen_card", "3ds_failed"])
def test_a_decline_fails_and_charges_nothing(
    shop: Client, gateway: SandboxProcess, settler: Settler, code: str
) -> None:
    payment = accepted(shop, token=f"tok_{code}")
    settler.drain()
    assert (reload(payment).status, reload(payment).error_code) == ("failed", code)
    assert captures(gateway, payment) == []


def test_a_charge_whose_answer_was_lost_is_found_and_made_once(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    payment = accepted(shop, token="tok_charged_no_answer")
    settler.drain()
    assert (reload(payment).status, reload(payment).outcome_unknown) == ("processing", True)
    settle_again(settler)
    assert (reload(payment).status, reload(payment).outcome_unknown) == ("success", False)
    assert len(captures(gateway, payment)) == 1
    assert Attempt.objects.get().looks == 1


def test_a_500_after_charging_is_found_and_charged_once(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    payment = accepted(shop, token="tok_charged_then_500")
    settler.drain()
    assert reload(payment).outcome_unknown
    settle_again(settler)
    assert reload(payment).status == "success"
    assert len(captures(gateway, payment)) == 1


def test_a_request_that_vanished_is_sent_again_under_the_same_key(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    gateway.arm("close_without_executing", operation="charge", count=1)
    payment = accepted(shop)
    settler.drain()
    assert reload(payment).outcome_unknown
    settle_again(settler)
    assert reload(payment).status == "success"
    assert len(captures(gateway, payment)) == 1
    assert Attempt.objects.count() == 1


def test_a_rate_limit_is_waited_out_and_tried_again(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    gateway.arm("status", operation="charge", count=1, params={"status": 429, "headers": {"Retry-After": "3"}})
    payment = accepted(shop)
    settler.drain()
    row = reload(payment)
    assert (row.status, row.retry_count) == ("retrying", 1)
    assert row.due_at is not None
    assert (row.due_at - row.updated_at).total_seconds() == 3
    advance(4)
    settler.drain()
    assert reload(payment).status == "success"
    assert len(captures(gateway, payment)) == 1


def test_a_charge_for_another_amount_is_no_success(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = accepted(shop, token="tok_wrong_amount")
    settler.drain()
    row = reload(payment)
    assert (row.status, row.outcome_unknown) == ("processing", True)
    assert [task.kind for task in row.operator_tasks.all()] == ["mismatch"]
    assert not LedgerPosting.objects.exists()


def test_the_customers_confirmation_is_waited_for_and_then_found(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    payment = accepted(shop, token="tok_authentication_required")
    settler.drain()
    row = reload(payment)
    assert row.status == "requires_action"
    assert row.action_url.startswith(f"{gateway.url}/3ds/")
    settle_again(settler)
    assert reload(payment).status == "requires_action"
    page = row.action_url.removeprefix(gateway.url)
    assert gateway.call("POST", page, data={"choice": "approve"}).status_code == 303
    settle_again(settler)
    assert reload(payment).status == "success"
    assert len(captures(gateway, payment)) == 1


def test_a_gateway_that_refuses_connections_is_tried_again_and_then_given_up(
    shop: Client, settings: Any, settler: Settler, gateway: SandboxProcess
) -> None:
    settings.GATEWAYS = [{**settings.GATEWAYS[0], "url": "http://127.0.0.1:9"}]
    gateway_named.cache_clear()
    payment = accepted(shop)
    for _ in range(5):
        settle_again(settler)
    row = reload(payment)
    assert (row.status, row.error_code, row.retry_count) == ("failed", "gateway_unavailable", 4)
    assert list(Attempt.objects.values_list("state", flat=True)) == ["not_sent"] * 5


def test_a_worker_that_paused_before_sending_sends_nothing(
    shop: Client, gateway: SandboxProcess, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "SEND_WITHIN", -1.0)
    payment = accepted(shop)
    settler.drain()
    assert Attempt.objects.get().reason == "paused_before_sending"
    assert gateway.requests(reference=payment.pk) == []
    assert reload(payment).status == "retrying"


def test_no_gateway_is_called_inside_a_transaction(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = accepted(shop)
    with pytest.raises(calls.OpenTransactionError), transaction.atomic():
        settler.drain()
    assert gateway.requests(reference=payment.pk) == []


def test_every_request_the_gateway_saw_was_written_down_before(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    payment = accepted(shop)
    settler.drain()
    [request] = gateway.requests(reference=payment.pk)
    attempt = Attempt.objects.get()
    assert request["idempotency_key"] == attempt.gateway_key
    assert attempt.sent_at.timestamp() * 1000 <= request["at_ms"]


def test_a_defect_in_a_call_leaves_the_outcome_unknown(
    shop: Client, gateway: SandboxProcess, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(calls, "charge", broken)
    payment = accepted(shop)
    settler.drain()
    row = reload(payment)
    assert (row.status, row.outcome_unknown) == ("processing", True)


def test_the_attempt_of_a_gateway_that_was_removed_holds_nobody_up(
    shop: Client, gateway: SandboxProcess, settler: Settler, settings: Any
) -> None:
    orphan = accepted(shop, "first-key", order="order-1", token="tok_charged_no_answer")
    settler.drain()
    settings.GATEWAYS = [{**settings.GATEWAYS[0], "name": "renamed"}]
    gateway_named.cache_clear()
    other = accepted(shop, "second-key", order="order-2")
    settle_again(settler)
    assert reload(other).status == "success"
    assert (reload(orphan).status, reload(orphan).outcome_unknown) == ("processing", True)


def test_a_payment_that_cannot_be_claimed_holds_nobody_up(
    shop: Client, gateway: SandboxProcess, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = accepted(shop, "first-key", order="order-1"), accepted(shop, "second-key", order="order-2")
    usual = Router.route

    def refuses_one(router: Router, payment: Payment, attempts: list[Attempt]) -> Route | Wait | Nobody:
        if payment.pk == bad.pk:
            raise ValueError("a defect that concerns one row")
        return usual(router, payment, attempts)

    monkeypatch.setattr(Router, "route", refuses_one)
    settler.drain()
    assert reload(good).status == "success"
    row = reload(bad)
    assert row.status == "pending"
    assert row.due_at is not None
    assert row.due_at > row.created_at + timedelta(minutes=4)
