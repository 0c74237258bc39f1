"""The network rows of the fault catalogue about time, outages and many calls at once (N24 to N32)."""

from collections import Counter

from payments.models import Attempt, Circuit, SurplusCharge
from payments.services.settle import Settler
from tests.faults.checks import assert_found_out
from tests.faults.journey import Journey
from tests.faults.middleman import Middleman
from tests.outage.hour import Traffic, payments
from tests.payments.conftest import BECAUSE
from tests.races.test_accept import at_once
from tests.sandbox import wait_until


def test_n24_a_key_that_the_gateway_forgets_is_never_sent_again(journey: Journey) -> None:
    journey.primary.arm("close_without_executing", count=1)
    journey.primary.arm("status", operation="look_up", params={"status": 500})
    journey.pay()
    for _ in range(24):
        # To the last hour of the key's life, in which the gateway's clock might already have ended it.
        journey.later(23.05 * 3600 / 24)
        assert journey.is_unknown()
    journey.primary.clear_faults()
    for _ in range(4):
        # "Not found", twice and far enough apart, is the proof; only a new key may follow.
        journey.later(310)
    assert journey.sent_to("primary") == 1
    assert journey.attempts()[0][:2] == ("primary", "not_found")
    assert journey.is_paid("secondary", level=3)


def test_n25_not_found_proves_nothing_while_the_charge_may_still_come(journey: Journey) -> None:
    journey.primary.arm("execute_late", count=1, params={"seconds": 2.5})
    journey.pay()
    for seconds in (7, 15, 60, 300):
        journey.later(seconds)
        assert journey.is_unknown()
    assert journey.captured() == []
    wait_until(lambda: journey.captured() == ["primary"])
    journey.later(360)
    assert journey.is_paid("primary")
    assert journey.sent_to("secondary") == 0


def test_n25_a_charge_that_comes_after_its_window_is_given_back(journey: Journey) -> None:
    journey.primary.arm("execute_late", count=1, params={"seconds": 3})
    journey.pay()
    for _ in range(12):
        journey.later(1800)
    assert journey.is_paid("secondary", level=3)
    assert journey.attempts()[0][:2] == ("primary", "not_found")
    wait_until(lambda: bool(journey.primary.charges(reference=journey.payment)))
    journey.read_lists()
    journey.settler.drain()
    assert [charge["status"] for charge in journey.primary.charges(reference=journey.payment)] == ["canceled"]
    assert SurplusCharge.objects.get(payment_id=journey.payment).state == "returned"
    assert journey.is_paid("secondary", level=3)


def test_n27_a_gateway_that_is_down_gets_at_most_three_trials_in_half_a_minute_and_no_burst(journey: Journey) -> None:
    """The whole hour, also under load: tests/outage."""
    traffic = Traffic(journey.shop, journey.settler)
    journey.gateways.go_dead("primary")
    ids = traffic.step(0, 5)
    for _ in range(20):
        ids += traffic.step(7.5, 5)
    assert Counter((payment.status, payment.level) for payment in payments(ids)) == {("success", 3): 105}
    assert traffic.most_sent("primary", within=29, since=7) <= 3
    captures = journey.gateways.captures()
    assert {tuple(name for name, _ in captures[each]) for each in ids} == {("secondary",)}


def test_n28_with_both_gateways_down_nothing_is_lost(journey: Journey) -> None:
    journey.gateways.go_dead("primary", "secondary")
    journey.pay()
    assert journey.row.status == "retrying"
    assert {(state, reason) for _, state, reason in journey.attempts()} == {("not_sent", "refused")}
    assert journey.waits() <= 30
    journey.gateways.lead_to()
    journey.later(30)
    assert len(journey.captured()) == 1
    assert journey.row.status == "success"


def test_n29_half_of_all_answers_lost_costs_few_more_calls_and_opens_the_breaker(journey: Journey) -> None:
    traffic = Traffic(journey.shop, journey.settler)
    journey.primary.arm("status", probability=0.5, params={"status": 500})
    ids = []
    for _ in range(60):
        ids += traffic.step(2, 2)
    assert Circuit.objects.filter(gateway="primary", operation="charge", epoch__gt=0).exists()
    minutes = traffic.now / 60
    journey.primary.clear_faults()
    for _ in range(30):
        traffic.step(60)
    captures = journey.gateways.captures()
    assert Counter(len(captures[each]) for each in ids) == {1: 120}
    assert {payment.status for payment in payments(ids)} == {"success"}
    sends = sum(Attempt.objects.filter(payment__in=ids).values_list("sends", flat=True))
    # A tenth of the first tries, and the fixed allowance of each minute.
    assert sends <= 1.1 * len(ids) + 30 * (minutes + 1)


def test_n30_an_unknown_outcome_never_goes_to_a_healthy_second_gateway(journey: Journey) -> None:
    journey.primary.arm("execute_then_close", count=1)
    journey.primary.arm("status", operation="look_up", params={"status": 500})
    journey.pay()
    for _ in range(20):
        journey.later(180)
        assert journey.is_unknown()
    assert journey.sent_to("secondary") == 0
    journey.primary.clear_faults()
    journey.later(3600)
    assert journey.is_paid("primary")


def test_n31_twenty_workers_at_a_half_open_breaker_make_three_calls(journey: Journey) -> None:
    """Twenty processes do the same in tests/races."""
    journey.gateways.go_dead("primary")
    traffic = Traffic(journey.shop, journey.settler)
    traffic.step(0, 5)
    assert journey.state() == "open"
    journey.gateways.lead_to()
    journey.primary.set_latency(500)
    traffic.step(31)
    ids = [traffic.pay() for _ in range(20)]
    at_once(20, lambda _number: settle_alone())
    used = Counter(Attempt.objects.filter(payment__in=ids).values_list("gateway", flat=True))
    assert used == {"primary": 3, "secondary": 17}
    assert journey.state() == "closed"
    assert {payment.status for payment in payments(ids)} == {"success"}


def settle_alone() -> None:
    settler = Settler(BECAUSE, threads=1)
    settler.drain()
    settler.finish()


def test_n32_a_kept_alive_connection_that_dies_under_a_charge_is_not_sent_again_silently(journey: Journey) -> None:
    with Middleman(journey.primary) as middleman:
        journey.gateways.lead_to(primary=middleman.url)
        journey.pay()
        assert journey.is_paid("primary")
        middleman.break_next_charge()
        journey.pay()
        assert journey.is_unknown()
        assert journey.counted() == 1
        assert (middleman.charges, journey.sent_to("primary")) == (2, 1)
        assert_found_out(journey, sends=1)
