"""Money that a gateway took without any right is found and given back by itself (requirement C4)."""

from datetime import timedelta

import pytest

from payments.checkout.surplus import surplus_of
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Attempt, Client, Event, GatewayWatch, LedgerPosting, OperatorTask, Payment, SurplusCharge
from payments.services.claim import claim
from payments.services.settle import Settler
from payments.services.watch import EVERY, begin_watching
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def watched(gateway: SandboxProcess) -> SandboxProcess:
    """The gateway, whose list is read from now on."""
    begin_watching()
    return gateway


def statuses(gateway: SandboxProcess, payment: Payment) -> list[str]:
    return sorted(charge["status"] for charge in gateway.charges(reference=payment.pk))


def settle_and_look_at_the_list(settler: Settler) -> None:
    settler.drain()
    advance(EVERY + 1)
    settler.drain()


def balance() -> int:
    """Return what the gateway owes us by our books, in minor units."""
    rows = LedgerPosting.objects.values_list("debit", "credit", "amount")
    return sum(
        amount * ((debit == "gateway_balance") - (credit == "gateway_balance")) for debit, credit, amount in rows
    )


def test_a_second_charge_under_one_key_is_seen_in_the_list_and_given_back(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    watched.arm("execute_twice", count=1)
    payment = accepted(shop)
    settle_and_look_at_the_list(settler)
    assert statuses(watched, payment) == ["canceled", "succeeded"]
    assert reload(payment).status == "success"
    surplus = SurplusCharge.objects.get()
    assert (surplus.state, surplus.reason, surplus.amount) == ("returned", "duplicate_charge", 1250)
    kept = next(charge["id"] for charge in watched.charges(reference=payment.pk) if charge["status"] == "succeeded")
    assert Attempt.objects.get().gateway_reference == kept
    assert balance() == 1250


def test_it_is_told_to_people_and_counted_against_the_gateway(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    watched.arm("execute_twice", count=1)
    accepted(shop)
    settle_and_look_at_the_list(settler)
    assert OperatorTask.objects.get().kind == "duplicate_charge"
    watch = GatewayWatch.objects.get(gateway="primary")
    assert (watch.double_charges, watch.late_charges) == (1, 0)
    assert watch.broken_at is not None


def test_a_list_that_shows_nothing_new_changes_nothing(watched: SandboxProcess, settler: Settler, shop: Client) -> None:
    accepted(shop)
    for _ in range(3):
        settle_and_look_at_the_list(settler)
    assert SurplusCharge.objects.count() == OperatorTask.objects.count() == 0
    watch = GatewayWatch.objects.get(gateway="primary")
    assert (watch.double_charges, watch.late_charges, watch.trouble) == (0, 0, "")
    assert watch.seen_until is not None


def test_a_list_that_cannot_be_read_says_so_and_is_read_again(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    watched.arm("status", operation="list", count=1, params={"status": 500})
    settler.drain()
    assert GatewayWatch.objects.get(gateway="primary").trouble == "status_500"
    advance(EVERY + 1)
    settler.drain()
    assert GatewayWatch.objects.get(gateway="primary").trouble == ""


def failed_after_a_lost_request(shop: Client) -> Attempt:
    """Return the attempt of a payment that failed because its charge was proven absent."""
    attempt = sent(shop)
    Payment.objects.update(max_retries=0)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    Attempt.objects.update(sends=4)
    advance(60)
    after(attempt, Kind.NOT_FOUND, looked=True)
    advance(1200)
    assert after(attempt, Kind.NOT_FOUND, looked=True).status == "failed"
    return attempt


def arrives_late(gateway: SandboxProcess, attempt: Attempt) -> None:
    """Let the lost request reach the gateway after all."""
    amount, currency = attempt.amount, attempt.currency
    reply = gateway.charge(
        attempt.gateway_key, amount=amount, currency=currency, token="tok_success", reference=attempt.payment_id
    )
    assert reply.status_code == 200


def test_a_late_charge_pays_an_order_that_is_still_unpaid(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    attempt = failed_after_a_lost_request(shop)
    arrives_late(watched, attempt)
    settle_and_look_at_the_list(settler)
    payment = Payment.objects.get()
    assert (payment.status, statuses(watched, payment)) == ("success", ["succeeded"])
    assert OperatorTask.objects.get().kind == "late_success"
    assert GatewayWatch.objects.get(gateway="primary").late_charges == 1
    assert balance() == 1250


def test_a_late_charge_of_an_order_paid_otherwise_is_given_back(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    attempt = failed_after_a_lost_request(shop)
    second = accepted(shop, "second-key", token="tok_other_1")
    settler.drain()
    arrives_late(watched, attempt)
    settle_and_look_at_the_list(settler)
    assert reload(second).status == "success"
    assert Payment.objects.get(pk=attempt.payment_id).status == "failed"
    assert [charge["status"] for charge in watched.charges(reference=attempt.payment_id)] == ["canceled"]
    surplus = SurplusCharge.objects.get()
    assert (surplus.state, surplus.reason) == ("returned", "late_success")
    assert balance() == 1250


def test_a_late_charge_after_a_day_is_given_back(watched: SandboxProcess, settler: Settler, shop: Client) -> None:
    attempt = failed_after_a_lost_request(shop)
    Payment.objects.update(processed_at=database_now() - timedelta(hours=25))
    arrives_late(watched, attempt)
    settle_and_look_at_the_list(settler)
    assert Payment.objects.get().status == "failed"
    assert SurplusCharge.objects.get().state == "returned"
    assert balance() == 0


def test_a_gateway_that_does_not_answer_is_told_again(watched: SandboxProcess, settler: Settler, shop: Client) -> None:
    watched.arm("execute_twice", count=1)
    watched.arm("close_without_executing", operation="cancel", count=1)
    payment = accepted(shop)
    for _ in range(3):
        settle_and_look_at_the_list(settler)
    assert (SurplusCharge.objects.get().state, SurplusCharge.objects.get().tries) == ("returned", 2)
    assert statuses(watched, payment) == ["canceled", "succeeded"]


def test_a_gateway_that_refuses_makes_it_a_persons_business(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    watched.arm("execute_twice", count=1)
    watched.arm("status", operation="cancel", count=1, params={"status": 422})
    accepted(shop)
    settle_and_look_at_the_list(settler)
    surplus = SurplusCharge.objects.get()
    assert (surplus.state, surplus.due_at) == ("refused", None)
    assert set(OperatorTask.objects.values_list("kind", flat=True)) == {"duplicate_charge", "not_given_back"}


def test_an_abandoned_confirmation_is_voided_and_then_the_payment_expires(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    payment = accepted(shop, token="tok_authentication_required")
    settler.drain()
    assert reload(payment).status == "requires_action"
    advance(24 * 3600)
    settler.drain()
    payment = reload(payment)
    assert (payment.status, payment.due_at) == ("expired", None)
    assert statuses(watched, payment) == ["canceled"]
    assert Attempt.objects.get().state == "voided"
    assert accepted(shop, "second-key", token="tok_other_1").status == "pending"


def test_a_confirmation_made_in_the_last_moment_is_paid_and_not_voided(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    payment = accepted(shop, token="tok_authentication_required")
    settler.drain()
    charge = watched.charges(reference=payment.pk)[0]["id"]
    watched.call("POST", f"/3ds/{charge}", data={"choice": "approve"})
    advance(24 * 3600)
    settler.drain()
    assert (reload(payment).status, statuses(watched, payment)) == ("success", ["succeeded"])


def test_nothing_expires_while_the_void_is_not_confirmed(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    watched.arm("close_without_executing", operation="cancel", count=1)
    payment = accepted(shop, token="tok_authentication_required")
    settler.drain()
    advance(24 * 3600)
    settler.drain()
    assert (reload(payment).status, statuses(watched, payment)) == ("requires_action", ["requires_action"])
    advance(60)
    settler.drain()
    assert (reload(payment).status, statuses(watched, payment)) == ("expired", ["canceled"])


def test_a_paid_charge_that_was_undone_at_the_gateway_goes_to_people(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    payment = after(attempt, Kind.VOIDED, reference="ch_1", looked=True)
    assert (payment.status, payment.review_reason) == ("review", "taken_back")
    assert OperatorTask.objects.get().kind == "taken_back"
    assert balance() == 0


def test_old_news_of_a_success_does_not_undo_a_void(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    after(attempt, Kind.VOIDED, reference="ch_1", looked=True)
    assert after(attempt, Kind.SUCCEEDED, reference="ch_1").status == "review"
    assert SurplusCharge.objects.count() == 0


def test_a_look_after_the_window_is_planned_as_soon_as_it_can_prove_something(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    Attempt.objects.update(sends=4)
    advance(320)
    claim(10, BECAUSE)
    payment = after(attempt, Kind.NOT_FOUND, looked=True)
    assert payment.due_at is not None
    wait = (payment.due_at - payment.updated_at).total_seconds()
    assert 300 <= wait <= 400


def test_a_question_that_nobody_answered_is_asked_again_soon_however_old(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    advance(5 * 3600)
    payment = after(attempt, Kind.UNKNOWN, "refused", looked=True, opens_breaker=True)
    assert payment.due_at is not None
    assert 240 <= (payment.due_at - payment.updated_at).total_seconds() <= 360


def test_a_second_charge_that_waits_for_the_customer_is_voided_before_it_can_take_money(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    watched.arm("execute_twice", count=1)
    payment = accepted(shop, token="tok_authentication_required")
    settle_and_look_at_the_list(settler)
    settle_and_look_at_the_list(settler)
    assert statuses(watched, payment) == ["canceled", "requires_action"]
    assert reload(payment).status == "requires_action"
    assert SurplusCharge.objects.get().state == "returned"
    assert balance() == 0
    # No money moved: nobody is told that any was taken or given back.
    told = Event.objects.filter(payment_id=payment.pk).values_list("type", flat=True)
    assert [type_ for type_ in told if type_.startswith("surplus.")] == []
    assert surplus_of([payment]) == []


def test_double_charges_made_while_the_list_could_not_be_read_are_found_afterwards(
    watched: SandboxProcess, settler: Settler, shop: Client
) -> None:
    watched.arm("status", operation="list", count=3, params={"status": 500})
    payment = accepted(shop)
    # Many are charged at once, in no order.
    watched.arm("execute_twice", key=f"{payment.pk}-a1", count=1)
    for number in range(120):
        accepted(shop, f"key-{number}-of-many", order=f"order-{number}-of-many")
    for _ in range(6):
        settle_and_look_at_the_list(settler)
    assert statuses(watched, payment) == ["canceled", "succeeded"]
