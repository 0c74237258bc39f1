"""A refund and a dispute of one payment at the same instant (O03): whichever comes first, never both unnoticed."""

import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from disputes.models import Dispute
from payments.clock import database_now
from payments.gateways.after_capture import ListedRefund
from payments.models import Client, GatewayEvent, OperatorTask, Payment
from payments.reliability import calls
from payments.services.settle import Settler
from refunds.models import Refund
from refunds.services.claim import claim
from refunds.services.compare import compare
from refunds.services.request import RefundRefusedError, request
from tests.disputes.conftest import disputed, held
from tests.payments.conftest import BECAUSE
from tests.payments.services.conftest import gateway, settler, shared_gateway
from tests.races.test_accept import at_once
from tests.refunds.conftest import captured, wanted
from tests.refunds.gateway_telling import apply_events, happened, later, receive
from tests.refunds.journey import Journey
from tests.sandbox import SandboxProcess

__all__ = ["gateway", "settler", "shared_gateway"]
pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 12


def applied() -> None:
    """Apply what came of events; one whose payment is locked is looked at again until it is free."""
    ends_at = time.monotonic() + 20
    while GatewayEvent.objects.filter(state="received").exists():
        assert time.monotonic() < ends_at, "The dispute was not seen to in time."
        apply_events()
        time.sleep(0.01)


def is_noticed(journey: Journey) -> bool:
    """Say whether all of it that can be lost twice was refused, called off, or told to people."""
    dispute, refunds = Dispute.objects.get(payment=journey.payment), Refund.objects.filter(payment=journey.payment)
    if not refunds:
        return dispute.refunded_before == 0
    if not any(each[1] == "succeeded" for each in journey.at_gateway()):
        # Called off by us, or refused by the gateway, which knows of the dispute first.
        return {refund.state for refund in refunds} <= {"rejected", "failed"}
    return "double_loss" in journey.tasks()


@pytest.mark.parametrize("sends", [False, True], ids=["refund requested", "refund requested and sent"])
def test_a_refund_and_a_dispute_at_once_are_never_both_unnoticed(
    sends: bool, shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    ends: list[bool] = []
    refusals: list[str] = []
    for number in range(ROUNDS):
        journey = Journey(gateway, settler, captured(shop, settler, f"order-{number}-pay", order=f"order-{number}"))
        disputed(journey)
        told = happened(gateway, journey.payment, "dispute.")
        acts = _acts(journey, told, refusals, sends=sends)
        at_once(2, lambda which, acts=acts: acts[which]())  # type: ignore[misc]
        settler.drain()
        for _ in range(3):
            later(settler, 61)
        assert held(journey) == (10_000, 0)
        ends.append(is_noticed(journey))
    assert ends == [True] * ROUNDS
    assert set(refusals) <= {"payment_disputed"}


def _acts(
    journey: Journey, told: list[dict[str, object]], refusals: list[str], *, sends: bool
) -> list[Callable[[], None]]:
    def refund() -> None:
        try:
            request(wanted(journey.payment, 10_000, journey.payment.pk), BECAUSE)
        except RefundRefusedError as refused:
            refusals.append(refused.code)
        for ask in claim(BECAUSE, 8) if sends else ():
            ask()()

    def dispute() -> None:
        receive(told)
        applied()

    return [refund, dispute]


def test_a_dispute_whose_payment_is_locked_waits_for_no_lock_and_is_not_lost(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    """Where the database has no locks of rows there is nothing to wait for: it is opened at once."""
    journey = Journey(gateway, settler, captured(shop, settler))
    disputed(journey)
    receive(happened(gateway, journey.payment, "dispute."))
    if connection.features.has_select_for_update_skip_locked:
        with transaction.atomic():
            Payment.objects.select_for_update(no_key=True).get(pk=journey.payment.pk)
            at_once(1, lambda _: apply_events())
            assert GatewayEvent.objects.get().note == "Somebody is at work on the payment."
            assert not Dispute.objects.exists()
    later(settler, 2)
    assert (held(journey), Dispute.objects.count()) == ((10_000, 0), 1)


def test_many_workers_at_events_of_many_disputes_open_each_once(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    journeys = [
        Journey(gateway, settler, captured(shop, settler, f"order-{number}-pay", order=f"order-{number}"))
        for number in range(6)
    ]
    for journey in journeys:
        disputed(journey)
        told = happened(gateway, journey.payment, "dispute.")
        receive([{**told[0], "id": f"{told[0]['id']}_{copy}"} for copy in range(5)])
    at_once(6, lambda _: applied())
    settler.drain()
    assert [held(journey) for journey in journeys] == [(10_000, 0)] * 6
    assert Dispute.objects.count() == OperatorTask.objects.count() == 6


def test_a_refund_of_the_dashboard_that_many_read_at_once_is_stored_once(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    journey = Journey(gateway, settler, captured(shop, settler))
    charge = gateway.charges(reference=journey.payment.pk)[0]
    gateway.control("refunds", charge=charge["id"], amount=2500)
    since = int(time.time()) - 60
    refunds = [one for one in _listed(since) if one.payment_id == journey.payment.pk]
    assert at_once(8, lambda _: compare("primary", refunds, BECAUSE, database_now())) == [[]] * 8
    assert (Refund.objects.count(), journey.money(), journey.booked()) == (1, (2500, 2500), 2500)


def _listed(since: int) -> tuple[ListedRefund, ...]:
    return calls.refunds_since("primary", since, prepared_at=time.monotonic()).refunds
