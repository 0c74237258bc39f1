"""Which gateway a claim goes to, and when: breakers, allowances, the queue (requirements B4, B6, B7)."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Allowance, Attempt, Circuit, Client, Order, Payment
from payments.reliability import breaker, budget
from payments.reliability.breaker import Pass, Report
from payments.services.apply import apply
from payments.services.claim import claim
from payments.services.route import Router
from tests.payments.conftest import BECAUSE, accepted, after, heard, reload, sent
from tests.payments.services.conftest import Gateways

pytestmark = pytest.mark.django_db(transaction=True)

HOUR: Final = timedelta(hours=1)


def make_due() -> None:
    Payment.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))


def set_circuit(gateway: str, state: str, *, try_in: timedelta = HOUR, operation: str = "charge") -> None:
    Circuit.objects.update_or_create(
        gateway=gateway,
        operation=operation,
        defaults={"state": state, "epoch": 1, "try_at": database_now() + try_in},
    )


def several(shop: Client, count: int) -> list[Payment]:
    return [accepted(shop, f"key-{number}", order=f"order-{number}") for number in range(count)]


def retrying(shop: Client, count: int) -> None:
    """Make payments that wait for their second try."""
    several(shop, count)
    claim(100, BECAUSE)
    apply([heard(attempt, Kind.NOT_SENT, "refused") for attempt in Attempt.objects.all()])
    make_due()


def places() -> Counter[tuple[str, int]]:
    """Return how many open attempts there are at each gateway and level."""
    return Counter(Attempt.objects.filter(state="sent").values_list("gateway", "level"))


def set_allowance(name: str, units: int) -> None:
    Allowance.objects.update_or_create(name=name, defaults={"units": units, "filled_at": database_now()})


# Breakers.


def test_three_trials_go_to_a_half_open_gateway_and_the_others_to_the_next(shop: Client, gateways: Gateways) -> None:
    set_circuit("primary", "open", try_in=-HOUR)
    several(shop, 8)
    work = claim(100, BECAUSE)
    assert places() == {("primary", 1): 3, ("secondary", 3): 5}
    assert sum(item.granted["charge"].trial for item in work) == 3
    assert Circuit.objects.get(gateway="primary").trials == 3


def test_a_claim_that_is_undone_gives_its_trials_back(shop: Client, gateways: Gateways) -> None:
    set_circuit("primary", "open", try_in=-HOUR)
    several(shop, 2)
    with transaction.atomic():
        assert len(claim(100, BECAUSE)) == 2
        transaction.set_rollback(True)
    circuit = Circuit.objects.get(gateway="primary")
    assert (circuit.state, circuit.trials, Attempt.objects.count()) == ("open", 0, 0)


def test_the_breaker_of_look_ups_holds_no_charge_back(shop: Client, gateways: Gateways) -> None:
    set_circuit("primary", "open", operation="look_up")
    accepted(shop)
    claim(10, BECAUSE)
    assert places() == {("primary", 1): 1}


def test_an_unknown_attempt_is_never_answered_by_another_gateway(shop: Client, gateways: Gateways) -> None:
    """Not even where its own gateway is closed to charges and look-ups, or left the settings."""
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    set_circuit("primary", "open")
    set_circuit("primary", "open", operation="look_up")
    make_due()
    assert claim(10, BECAUSE) == []
    gateways.remove("primary")
    make_due()
    claim(10, BECAUSE)
    Circuit.objects.all().delete()
    make_due()
    [work] = claim(10, BECAUSE)
    assert (work.attempt.pk, work.may_send, Attempt.objects.count()) == (attempt.pk, False, 1)


def test_a_share_of_traffic_is_level_1_wherever_it_goes(shop: Client, gateways: Gateways, settings: Any) -> None:
    settings.ROUTES = [{"shares": {"secondary": 1}}]
    payment = accepted(shop)
    claim(10, BECAUSE)
    assert places() == {("secondary", 1): 1}
    after(Attempt.objects.get(), Kind.NOT_SENT, "refused")
    claim(10, BECAUSE)
    assert places() == {("primary", 3): 1}
    assert reload(payment).level == 3


# Allowances.


def test_first_tries_are_never_held_back(shop: Client, gateways: Gateways) -> None:
    set_allowance("retries", 0)
    set_allowance("drain", 0)
    several(shop, 20)
    assert len(claim(100, BECAUSE)) == 20


def test_tries_again_beyond_the_shared_allowance_wait_and_count_no_try(
    shop: Client, gateways: Gateways, settings: Any
) -> None:
    settings.RETRY_PERCENT = 0
    retrying(shop, 5)
    set_allowance("retries", 200)
    assert len(claim(100, BECAUSE)) == 2
    waiting = Payment.objects.filter(status="retrying")
    assert (waiting.count(), set(waiting.values_list("retry_count", flat=True))) == (3, {1})
    assert all(
        payment.due_at is not None and payment.due_at <= database_now() + timedelta(seconds=3) for payment in waiting
    )


def test_queued_payments_beyond_the_rate_wait_and_count_no_try(shop: Client, gateways: Gateways) -> None:
    several(shop, 5)
    Payment.objects.update(queued_at=Now(), level=4)
    set_allowance("drain", 100)
    assert len(claim(100, BECAUSE)) == 1
    assert set(Payment.objects.values_list("retry_count", flat=True)) == {0}
    assert Allowance.objects.get(name="drain").units < 100


def test_a_queued_payment_that_no_gateway_takes_uses_nobodys_turn(
    shop: Client, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = several(shop, 2)
    Payment.objects.update(queued_at=Now(), level=4)
    Payment.objects.filter(pk=first.pk).update(due_at=Now() - HOUR)
    monkeypatch.setattr(
        "payments.services.route.gateways_for", lambda payment: ("primary",) if payment.pk == second.pk else ()
    )
    monkeypatch.setattr(
        "payments.services.go_on.gateways_for", lambda payment: ("primary",) if payment.pk == second.pk else ()
    )
    set_allowance("drain", 100)
    assert [item.payment.pk for item in claim(100, BECAUSE)] == [second.pk]
    assert reload(first).queued_at is not None


def test_what_no_gateway_can_take_earns_and_uses_no_tries_again(shop: Client, gateways: Gateways) -> None:
    """A deposit is a tenth of a call that is made, not of one that a breaker stopped."""
    retrying(shop, 2)
    several_more = [accepted(shop, f"new-{number}", order=f"new-{number}") for number in range(20)]
    set_circuit("primary", "open")
    set_circuit("secondary", "open")
    set_allowance("retries", 500)
    budget._deposits.take(0, needed=True)
    assert claim(100, BECAUSE) == []
    assert Allowance.objects.get(name="retries").units == 500
    assert budget._deposits.take(0, needed=True) == 0
    assert {reload(each).status for each in several_more} == {"failed"}


# What it costs.


@pytest.fixture
def _quiet_budget(gateways: Gateways, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the gateways' own. Let no deposit be due, as in nearly every claim."""
    deposits = budget._Deposits()
    deposits._flushed_at = 1e12
    monkeypatch.setattr(budget, "_deposits", deposits)


@pytest.mark.usefixtures("_quiet_budget")
def test_the_router_of_fresh_payments_asks_the_database_once(shop: Client, gateways: Gateways) -> None:
    payments = several(shop, 10)
    with (
        CaptureQueriesContext(connection) as seen,
        transaction.atomic(),
    ):
        router = Router(payments, {}, database_now())
        routes = [router.route(payment, []) for payment in payments]
    asked = [each["sql"] for each in seen if "payments_" in each["sql"]]
    assert ["payments_circuit" in sql for sql in asked] == [True]
    assert not any(isinstance(route, str) for route in routes)


@pytest.mark.usefixtures("_quiet_budget")
def test_a_healthy_payment_costs_one_query_more_than_its_rows(shop: Client, gateways: Gateways) -> None:
    """The circuits, in the claim; the success of a payment reads nothing of breakers, allowances and declines."""
    accepted(shop)
    with CaptureQueriesContext(connection) as claiming:
        claim(10, BECAUSE)
    news = heard(Attempt.objects.get(), Kind.SUCCEEDED, reference="ch_1")
    with CaptureQueriesContext(connection) as applying:
        apply([news])
    tables = [_tables(claiming), _tables(applying)]
    assert tables[0] == ["payment", "circuit", "attempt", "payment", "auditentry", "event"]
    applied = ["payment", "attempt", "attempt", "payment", "auditentry", "ledgerposting", "event", "operatortask"]
    assert tables[1] == applied


def _tables(seen: CaptureQueriesContext) -> list[str]:
    """Return the table each statement begins with, leaving out those about the transaction and the clock."""
    return [
        sql.partition("payments_")[2].split('"')[0].split(" ")[0]
        for sql in (each["sql"] for each in seen)
        if "payments_" in sql
    ]


# Many workers.


def at_once(acts: list[Callable[[], None]]) -> None:
    """Run all in threads of their own; raise what any of them raised."""

    def one(act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(one, act) for act in acts]:
            done.result()


def test_claims_breakers_and_queues_of_many_workers_wait_for_no_circle(
    shop: Client, gateways: Gateways, settings: Any
) -> None:
    """Locks are taken in one order: payments, allowances, circuits."""
    settings.BREAKER_TRIALS = 100
    several(shop, 60)
    claim(100, BECAUSE)
    apply([heard(attempt, Kind.NOT_SENT, "refused") for attempt in Attempt.objects.all()])
    queue = list(Payment.objects.values_list("pk", flat=True)[:30])
    Payment.objects.filter(pk__in=queue).update(queued_at=Now())
    Order.objects.update(customer_reference="anna")
    set_circuit("primary", "open", try_in=-HOUR)
    set_circuit("secondary", "open", try_in=-HOUR)

    def claims() -> None:
        for _ in range(3):
            claim(5, BECAUSE)

    def reports() -> None:
        for _ in range(6):
            names = ["secondary", "primary"]
            random.shuffle(names)
            breaker.record([Report(Pass(name, "charge", 2, trial=True, failures=0), failed=False) for name in names])

    for _ in range(3):
        make_due()
        at_once([claims, claims, claims, claims, reports, reports])
    open_or_done = Attempt.objects.exclude(state="not_sent").values_list("payment_id", flat=True)
    assert len(open_or_done) == len(set(open_or_done))


def test_two_workers_never_try_one_payment_twice(shop: Client, gateways: Gateways) -> None:
    retrying(shop, 12)
    set_allowance("retries", 3000)

    def claims_of(limit: int) -> None:
        claim(limit, BECAUSE)

    at_once([lambda: claims_of(12)] * 4)
    assert Attempt.objects.filter(number=2).count() == 12
    assert Attempt.objects.filter(number__gt=2).count() == 0
