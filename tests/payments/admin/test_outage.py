"""One outage as an operator lives through it, with a real gateway process that is dead and comes back (B6, B7, A3)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from payments.models import Circuit, Client, CustomerStanding, Order, Payment
from payments.reliability.gateways import gateway_named
from payments.services.settle import Settler
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, accepted, reload
from tests.sandbox import SandboxProcess, start_sandbox
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gateway(tmp_path: Path, settings: Any) -> Iterator[SandboxProcess]:
    sandbox = start_sandbox(tmp_path / "ledger.sqlite3")
    url = sandbox.url
    settings.GATEWAYS = [{"name": "primary", "kind": "sandbox", "url": url, "origin": url, "secret": sandbox.secret}]
    gateway_named.cache_clear()
    yield sandbox
    sandbox.close()
    gateway_named.cache_clear()


@pytest.fixture
def settler() -> Iterator[Settler]:
    made = Settler(BECAUSE, threads=4)
    yield made
    made.finish()


def settle_until(settler: Settler, payments: list[Payment], status: str) -> None:
    """Let time pass and everything be done that is due, until all of them are in that state."""
    for _ in range(12):
        settler.drain()
        if {reload(payment).status for payment in payments} == {status}:
            return
        advance(35)
    raise AssertionError([(reload(payment).status, reload(payment).error_code) for payment in payments])


def panel(browser: Browser) -> str:
    return text_of(browser, "/admin/").partition('aria-labelledby="breakers"')[2].partition("</section>")[0]


def test_an_operator_sees_the_outage_and_tries_again_when_it_is_over(
    shop: Client, operator: Browser, gateway: SandboxProcess, settler: Settler
) -> None:
    assert "Level in use now: <b>1</b> primary." in panel(operator)
    gateway.kill()
    stranger, known = accepted(shop, "stranger", order="order-1"), accepted(shop, "known", order="order-2")
    Order.objects.filter(pk=known.order_id).update(customer_reference="customer-1")
    CustomerStanding.objects.create(
        client=shop, customer_reference="customer-1", trusted=True, reason="known", set_by="anna"
    )
    settle_until(settler, [stranger], "failed")
    assert (reload(stranger).level, reload(known).level, reload(known).status) == (6, 4, "retrying")
    assert "Level in use now: <b>4–6</b>: no gateway can charge" in panel(operator)
    assert "the gateway refused the connection" in panel(operator)
    rows = operator.get("/admin/payments/payment/?queue=queued").context["cl"].result_list
    assert [payment.pk for payment in rows] == [known.pk]

    gateway.restart()
    advance(60)
    url = f"/admin/payments/payment/{stranger.pk}/do/again/"
    page = operator.post(url, {"reason": "the gateway is back"}, follow=True).content.decode()
    assert "Version 2 was made" in page
    second = Payment.objects.get(retry_of=stranger.pk)
    settle_until(settler, [second, known], "success")
    assert [len(gateway.charges(reference=payment.pk)) for payment in (stranger, second, known)] == [0, 1, 1]
    assert "Paid" in text_of(operator, f"/admin/payments/payment/{second.pk}/change/")


def test_the_breaker_goes_back_to_level_1_after_trials_that_went_well(
    shop: Client, operator: Browser, gateway: SandboxProcess, settler: Settler
) -> None:
    gateway.kill()
    first = [accepted(shop, f"first-{number}", order=f"first-{number}") for number in range(3)]
    settle_until(settler, first, "failed")
    assert Circuit.objects.get(operation="charge").state == "open"
    gateway.restart()
    advance(60)
    settle_until(
        settler, [accepted(shop, f"later-{number}", order=f"later-{number}") for number in range(4)], "success"
    )
    assert "Level in use now: <b>1</b> primary." in panel(operator)
    changes = operator.get("/admin/payments/circuit/gateway/primary/").context["changes"]
    charges = [row.change for row in changes if row.operation == "Charges"]
    assert (charges[-1], charges[1], charges[0]) == ("closed → open", "open → half open", "half open → closed")
