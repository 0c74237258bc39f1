"""A bulk refund that several people start and several workers take up at the same instant (requirements C1, D2)."""

from datetime import timedelta

import pytest

from payments.models import Client
from payments.services.settle import Settler
from refunds.models import Refund
from refunds.services.bulk import acts, work
from tests.payments.conftest import BECAUSE, reload
from tests.payments.services.conftest import gateway, settler, shared_gateway
from tests.races.test_accept import at_once
from tests.refunds.conftest import NO_LIMIT, captured
from tests.refunds.services.bulks import ANNA, checked, now, started, states
from tests.sandbox import SandboxProcess

__all__ = ["gateway", "settler", "shared_gateway"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_eight_starts_at_once_are_one_run(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    bulk = checked(*[f"{payment.pk},1.0{number}" for number in range(5)])
    ends = at_once(8, lambda _: acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=NO_LIMIT).state)
    assert ends == ["running"] * 8
    settler.drain()
    assert (now(bulk).state, Refund.objects.count(), reload(payment).refunded) == ("done", 5, 510)


def test_workers_that_hold_each_other_for_dead_make_one_refund_of_each_row(
    shop: Client, gateway: SandboxProcess, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = captured(shop, settler)
    # Every worker takes the list from the one before it at once.
    monkeypatch.setattr(work, "LEASE", timedelta(0))
    bulk = started(*[f"{payment.pk},1.{number:02}" for number in range(20)])

    def work_on(_: int) -> int:
        for turn in range(200):
            if not work.anything_due():
                return turn
            work.claim(BECAUSE, 0)
        return -1

    assert -1 not in at_once(6, work_on)
    assert (now(bulk).state, states(bulk)) == ("done", ["refunded"] * 20)
    assert (Refund.objects.count(), reload(payment).refund_reserved) == (20, 2190)


def test_the_same_form_sent_eight_times_at_once_is_one_list(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    payment = captured(shop, settler)
    key = "blk_" + "0" * 26
    made = at_once(8, lambda _: checked(f"{payment.pk},1.00", key=key).pk)
    assert set(made) == {key}
    assert Refund.objects.count() == 0
