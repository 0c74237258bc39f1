"""Damage to disputes is found: invariant 8."""

from tests.invariants.conftest import Broken
from tests.invariants.made_up import MadeUp


def test_a_dispute_that_stands_otherwise_breaks_invariant_8(shop: MadeUp, broken: Broken) -> None:
    for change in ("status = 'won'", "status = 'lost', amount = 401", "amount = 400, currency = 'EUR'"):
        shop.at_gateway("primary", f"UPDATE disputes SET {change}")
        assert broken() == {8}
    assert broken(quiet=False) == set()


def test_a_dispute_that_nobody_knows_breaks_invariant_8(shop: MadeUp, broken: Broken) -> None:
    statement = "INSERT INTO disputes VALUES (NULL, 'du_new', 'ch_paid_1', 'pay_paid', 1, 'USD', 'open', '', 0, 0)"
    shop.at_gateway("primary", statement)
    assert broken() == {8}


def test_a_dispute_that_the_gateway_does_not_know_breaks_invariant_8(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "DELETE FROM disputes")
    assert broken() == {8}


def test_money_lost_twice_breaks_invariant_8_until_somebody_is_told(shop: MadeUp, broken: Broken) -> None:
    refund = shop.refund("att_disputed_1", 700)
    shop.refunded(refund, shop.send_refund(refund), shop.give(refund))
    assert broken() == {8}
    shop.ask("pay_disputed", "double_loss")
    assert broken() == set()
