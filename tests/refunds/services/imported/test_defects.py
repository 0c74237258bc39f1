"""An entry of a gateway's list that cannot be stored stops no other one (requirement D6)."""

from typing import Any

import pytest
from django.db import OperationalError

from payments.gateways.after_capture import ListedRefund
from payments.models import OperatorTask
from refunds.models import Refund
from refunds.services import compare, imported
from tests.refunds.journey import Journey
from tests.refunds.services.test_watch import listed, read

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("amount", [0, -500])
def test_a_refund_of_no_money_is_a_question_and_stops_no_other(journey: Journey, amount: int) -> None:
    ours = journey.refund(1000)
    bad = listed(ours, reference="re_bad", key="", amount=amount)
    good = listed(ours, reference="re_good", key="", amount=2000)
    assert read(good, bad) == []
    assert Refund.objects.get(origin="gateway").gateway_reference == "re_good"
    assert (journey.money(), journey.booked(), journey.tasks()) == ((3000, 3000), 3000, ["refund_mismatch"])
    (detail,) = OperatorTask.objects.values_list("detail", flat=True)
    assert "re_bad" in detail


@pytest.mark.parametrize("key", ["\x00", "\ud800"])
def test_a_key_that_no_database_can_look_for_stops_nothing(journey: Journey, key: str) -> None:
    ours = journey.refund(1000)
    odd = listed(ours, reference="re_odd", key=key, amount=500)
    good = listed(ours, reference="re_good", key="", amount=2000)
    assert read(good, odd) == []
    assert (Refund.objects.filter(origin="gateway").count(), journey.money()) == (2, (3500, 3500))


def test_an_entry_that_raises_is_given_to_people_and_read_again_and_stops_no_other(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = journey.refund(1000)
    bad = listed(ours, reference="re_bad", key="", amount=500)
    good = listed(ours, reference="re_good", key="", amount=2000)
    monkeypatch.setattr(compare, "take_in", _raising_about("re_bad", ValueError("no such thing")))
    for _ in range(2):
        assert read(good, bad) == [bad]
    assert Refund.objects.get(origin="gateway").gateway_reference == "re_good"
    assert (journey.money(), journey.booked(), journey.tasks()) == ((3000, 3000), 3000, ["refund_mismatch"])
    (detail,) = OperatorTask.objects.values_list("detail", flat=True)
    assert detail.startswith("primary has refund re_bad of 5.00 USD: ")


def test_an_entry_that_the_database_cannot_store_leaves_nothing_behind(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = journey.refund(1000)
    one = listed(ours, reference="re_bad", key="", amount=500)
    # What only the database's own constraint refuses.
    monkeypatch.setattr(imported, "_new", _of_no_money(imported._new))
    assert read(one) == [one]
    assert (Refund.objects.count(), journey.money(), journey.tasks()) == (1, (1000, 1000), ["refund_mismatch"])


def test_an_entry_whose_rows_are_locked_is_read_again_without_a_question(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = listed(journey.refund(1000), reference="re_busy", key="", amount=500)
    monkeypatch.setattr(compare, "take_in", _raising_about("re_busy", OperationalError("database is locked")))
    assert read(one) == [one]
    assert (Refund.objects.count(), journey.tasks()) == (1, [])


def _raising_about(reference: str, error: Exception) -> Any:
    take_in = imported.take_in

    def raising(gateway: str, listed: ListedRefund, *arguments: Any, **named: Any) -> bool:
        if listed.reference == reference:
            raise error
        return take_in(gateway, listed, *arguments, **named)

    return raising


def _of_no_money(new: Any) -> Any:
    def made(*arguments: Any) -> Refund:
        refund: Refund = new(*arguments)
        refund.amount = 0
        return refund

    return made
