"""An hour without the first gateway, and without both, in virtual time (requirements B6 to B8; faults N27, N28)."""

import time
from collections import Counter
from typing import Any

import pytest

from payments.models import Attempt, Circuit, CircuitChange, Client, CustomerMessage, Payment
from payments.services.drain import take_up
from payments.services.settle import Settler
from tests.outage.hour import Traffic, payments
from tests.outage.pair import GatewayPair
from tests.outage.rates import most_within
from tests.sandbox import SandboxProcess

pytestmark = [pytest.mark.slow, pytest.mark.once]

HOUR = 3600.0
# An attempt is stamped with the time before its claim, so two rounds of trials may look a moment nearer than they are.
A_ROUND = 29.0


@pytest.fixture
def traffic(gateways: GatewayPair, shop: Client, settler: Settler) -> Traffic:
    return Traffic(shop, settler)


def charge_circuit(gateway: str = "primary") -> Circuit:
    return Circuit.objects.get(gateway=gateway, operation="charge")


def run_for(traffic: Traffic, seconds: float, *, step: float, new: int) -> list[str]:
    ends_at, ids = traffic.now + seconds, []
    while traffic.now < ends_at:
        ids += traffic.step(step, new)
    return ids


def assert_all_captured_once(gateways: GatewayPair, ids: list[str], gateway: str = "") -> None:
    """Check that each of the payments has exactly one charge over both ledgers (at `gateway` where given)."""
    captures = gateways.captures()
    wrong = {each: captures[each] for each in ids if [name for name, _ in captures[each]] not in _once(gateway)}
    assert wrong == {}
    assert {payment.status for payment in payments(ids)} == {"success"}


def _once(gateway: str) -> list[list[str]]:
    return [[gateway]] if gateway else [["primary"], ["secondary"]]


def assert_the_primary_is_used_again(traffic: Traffic, gateways: GatewayPair) -> None:
    """Check that three good trials close the breaker, and that the next payments are on level 1."""
    # The health check has to see it first: until then no customer is a trial.
    traffic.step(11)
    before = CircuitChange.objects.filter(gateway="primary", operation="charge").count()
    trials = run_for(traffic, 31, step=31, new=3)
    assert charge_circuit().state == "closed"
    changes = CircuitChange.objects.filter(gateway="primary", operation="charge").order_by("pk")[before:]
    assert [(change.before, change.after, change.why) for change in changes] == [
        ("open", "half_open", "trial calls may leave"),
        ("half_open", "closed", "3 trial calls came back well"),
    ]
    later = traffic.step(1, 5)
    assert {(payment.level, payment.gateway) for payment in payments([*trials, *later])} == {(1, "primary")}
    assert_all_captured_once(gateways, [*trials, *later], "primary")


def test_an_hour_without_the_first_gateway_costs_no_payment(traffic: Traffic, gateways: GatewayPair) -> None:
    gateways.go_dead("primary")
    first = traffic.step(1, 5)
    opened_at = traffic.now
    assert charge_circuit().state == "open"
    ids = first + run_for(traffic, 300, step=10, new=2) + run_for(traffic, HOUR - 300, step=60, new=6)
    assert len(ids) >= 380
    assert {payment.level for payment in payments(ids)} == {3}
    assert_all_captured_once(gateways, ids, "secondary")
    # What was sent to the dead gateway: five until the breaker opened, then three trials in half a minute at most.
    assert len([each for each in traffic.sent if each.gateway == "primary" and each.at < opened_at]) == 5
    assert 1 <= traffic.most_sent("primary", within=A_ROUND, since=opened_at) <= 3
    assert set(Attempt.objects.filter(gateway="primary").values_list("state", "reason")) == {("not_sent", "refused")}
    gateways.lead_to()
    assert_the_primary_is_used_again(traffic, gateways)


@pytest.mark.parametrize("kind", ["hangs", "answers_500"])
def test_an_hour_of_lost_answers_sends_none_of_them_to_the_second_gateway(
    traffic: Traffic, gateways: GatewayPair, kind: str
) -> None:
    lose_answers(gateways, kind)
    first = traffic.step(1, 5)
    opened_at = traffic.now
    assert charge_circuit().state == "open"
    ids = first + run_for(traffic, HOUR, step=60, new=5)
    lost = list(Payment.objects.filter(outcome_unknown=True).values_list("pk", flat=True))
    assert set(first) <= set(lost)
    assert {payment.gateway for payment in payments(lost)} == {"primary"}
    assert set(Attempt.objects.filter(payment__in=lost).values_list("number", "state")) == {(1, "unknown")}
    others = [each for each in ids if each not in lost]
    assert len(others) >= 60
    assert {payment.level for payment in payments(others)} == {3}
    assert_all_captured_once(gateways, others, "secondary")
    assert 1 <= traffic.most_sent("primary", within=A_ROUND, since=opened_at) <= 3
    gateways.heal()
    run_for(traffic, 3 * HOUR, step=300, new=1)
    assert not Payment.objects.filter(outcome_unknown=True).exists()
    assert_all_captured_once(gateways, ids)
    assert charge_circuit().state == "closed"
    [newest] = payments(traffic.step(1, 1))
    assert (newest.level, newest.gateway, newest.status) == (1, "primary", "success")


def lose_answers(gateways: GatewayPair, kind: str) -> None:
    """Have the primary lose all answers; it makes the first three charges and no other."""
    lost = {"hangs": ("execute_then_hang", "hang_without_executing"), "answers_500": ("status", "status")}[kind]
    if kind == "hangs":
        gateways.hurry("primary", 0.1)
    gateways.primary.arm(lost[0], count=3, params={"execute": True})
    for operation in ("charge", "look_up", "list", "health"):
        gateways.primary.arm(lost[1], operation=operation)


def test_an_hour_without_any_gateway_ends_kindly_or_later(
    traffic: Traffic, gateways: GatewayPair, settings: Any
) -> None:
    traffic.trust("anna")
    gateways.go_dead("primary", "secondary")
    trusted, strangers, guests = [], [], []
    ends_at = traffic.now + HOUR
    while traffic.now < ends_at:
        trusted.append(traffic.pay(customer="anna", email="anna@example.com"))
        strangers.append(traffic.pay(customer="bert", email="bert@example.com"))
        guests.append(traffic.pay())
        for _ in range(3):
            traffic.step(40)
    for _ in range(5):
        traffic.step(40)
    assert how(strangers) == {("failed", 6): len(strangers)}
    assert how(guests) == {("failed", 6): len(guests)}
    assert how(trusted) == {("retrying", 4): len(trusted)}
    assert all(payment.queued_at is not None and payment.due_at is not None for payment in payments(trusted))
    assert mails("resume") == Counter(strangers)
    assert mails("delayed") == Counter(trusted)
    assert gateways.captures().keys().isdisjoint([*trusted, *strangers, *guests])
    began_ms = time.time() * 1000
    drain(traffic, trusted, gateways)
    assert_all_captured_once(gateways, trusted)
    assert {payment.level for payment in payments(trusted)} == {4}
    assert gateways.captures().keys().isdisjoint([*strangers, *guests])
    assert how(strangers) == {("failed", 6): len(strangers)}
    assert (
        most_within(traffic.arrivals(charge_requests(gateways.secondary, began_ms)), 1.0) <= settings.DRAIN_PER_SECOND
    )


def charge_requests(gateway: SandboxProcess, since_ms: float) -> list[dict[str, Any]]:
    """Return the charge requests that `gateway` received."""
    received = gateway.call("GET", "/control/requests").json()["requests"]
    return [request for request in received if request["at_ms"] >= since_ms]


def how(ids: list[str]) -> Counter[tuple[str, int]]:
    return Counter((payment.status, payment.level) for payment in payments(ids))


def mails(kind: str) -> Counter[str]:
    """Return how many e-mails of `kind` are owed about each payment."""
    return Counter(CustomerMessage.objects.filter(kind=kind).values_list("payment_id", flat=True))


def drain(traffic: Traffic, queued: list[str], gateways: GatewayPair) -> None:
    """Let the secondary be back, and the queue drain by itself in short steps of virtual time."""
    gateways.go_dead("primary")
    for half_seconds in range(1200):
        if half_seconds % 120 == 0:
            # The sweep of every minute.
            take_up()
        traffic.step(0.5)
        if not Payment.objects.filter(pk__in=queued, status="retrying").exists():
            return
    pytest.fail("The queue did not drain in ten minutes.")
