"""Damage to charges is found: invariants 1 to 4, 11 and 12."""

from collections.abc import Callable

import pytest

from tests.invariants import check
from tests.invariants.conftest import Broken
from tests.invariants.made_up import MadeUp


def test_healthy_evidence_breaks_nothing(broken: Broken) -> None:
    assert broken(quiet=True) == set()
    assert broken(quiet=False) == set()


def test_an_order_charged_twice_for_good_breaks_invariant_1(shop: MadeUp, broken: Broken) -> None:
    surplus = shop.surplus("att_paid_1", shop.charge("att_paid_1", suffix="b"), "duplicate_charge")
    shop.move(surplus, "refused")
    shop.ask("pay_paid", "not_given_back")
    # Which also means that its payment is paid with twice its amount.
    assert broken() == {1, 12}
    assert broken(quiet=False) == set()


def test_more_than_the_orders_amount_breaks_invariant_1(
    shop: MadeUp, broken: Broken, damage: Callable[..., None]
) -> None:
    damage("UPDATE payments_order SET amount = 900 WHERE id = 'ord_paid'")
    assert broken() == {1, 10}


def test_an_extra_charge_that_nobody_noted_breaks_invariant_2_after_a_minute(shop: MadeUp, broken: Broken) -> None:
    shop.charge("att_paid_1", suffix="b")
    assert broken(quiet=False) == {2}
    shop.at_gateway("primary", "UPDATE charges SET created_ms = unixepoch() * 1000 WHERE id = 'ch_paid_1b'")
    assert broken(quiet=False) == set()
    # At rest it is found at once, and so is all that follows from it.
    assert broken() == {1, 2, 3, 9, 12}


def test_two_charges_of_an_unknown_outcome_break_invariant_2(shop: MadeUp, broken: Broken) -> None:
    attempt = shop.start(shop.accept("unclear"))
    shop.charge(attempt)
    # One of them may still be the payment's.
    assert broken(quiet=False) == set()
    shop.charge(attempt, suffix="b")
    assert broken(quiet=False) == {2}


def test_a_charge_under_another_key_breaks_invariant_3(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE charges SET key = 'pay_paid-a9' WHERE id = 'ch_paid_1'")
    assert broken() == {3}


def test_a_charge_of_another_amount_than_booked_breaks_invariant_3(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE charges SET amount = 990 WHERE id = 'ch_paid_1'")
    assert broken() == {3, 9, 12}


def test_a_charge_that_nobody_knows_breaks_invariant_3(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE charges SET reference = 'pay_lost' WHERE id = 'ch_wrong_1'")
    assert broken() == {3, 9}


def test_a_wrong_amount_about_which_nobody_is_asked_breaks_invariant_3(shop: MadeUp, broken: Broken) -> None:
    shop.sql("UPDATE payments_operatortask SET kind = 'rejected' WHERE kind = 'mismatch'")
    assert broken() == {1, 3, 9}


def test_a_surplus_charge_that_is_not_returned_at_the_gateway_breaks_invariant_3(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE charges SET status = 'succeeded' WHERE id = 'ch_twice_1b'")
    assert broken() == {1, 3, 9, 12}


def test_a_surplus_charge_that_is_not_at_the_gateway_breaks_invariant_3(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "DELETE FROM charges WHERE id = 'ch_twice_1b'")
    assert broken() == {3}


def test_a_surplus_charge_of_another_amount_breaks_invariant_3(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE charges SET amount = 990 WHERE id = 'ch_twice_1b'")
    assert broken() == {3}


def test_a_charge_both_kept_and_given_back_breaks_invariant_3(
    shop: MadeUp, broken: Broken, damage: Callable[..., None]
) -> None:
    damage("UPDATE payments_attempt SET gateway_reference = 'ch_twice_1b' WHERE id = 'att_twice_1'")
    shop.at_gateway("primary", "UPDATE charges SET status = 'succeeded' WHERE id = 'ch_twice_1b'")
    shop.at_gateway("primary", "UPDATE charges SET status = 'canceled' WHERE id = 'ch_twice_1'")
    assert broken() == {3}
    found = {(violation.subject, violation.text) for violation in check(shop.evidence, quiet=True)}
    assert ("ch_twice_1b", "is kept by att_twice_1 and given back by sur_twice_1b") in found


def test_a_surplus_charge_still_owed_that_is_returned_at_the_gateway_breaks_invariant_3(
    shop: MadeUp, broken: Broken
) -> None:
    shop.surplus("att_paid_1", shop.charge("att_paid_1", suffix="b"), "duplicate_charge")
    shop.at_gateway("primary", "UPDATE charges SET status = 'canceled' WHERE id = 'ch_paid_1b'")
    # By our books the gateway still has that money, and it is still to be given back.
    assert broken() == {3, 9, 13}


@pytest.mark.parametrize("status", ["requires_action", "pending"])
def test_a_voided_charge_that_lives_on_breaks_invariant_3(shop: MadeUp, broken: Broken, status: str) -> None:
    shop.at_gateway("primary", "UPDATE charges SET status = ? WHERE id = 'ch_expired_1'", status)
    assert broken() == {3}


def test_a_success_without_its_charge_breaks_invariant_4(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "DELETE FROM charges WHERE id = 'ch_paid_1'")
    assert broken(quiet=False) == {4}
    assert broken() == {4, 9, 12}


@pytest.mark.parametrize("status", ["declined", "pending", "requires_action"])
def test_a_success_whose_charge_never_succeeded_breaks_invariant_4(shop: MadeUp, broken: Broken, status: str) -> None:
    shop.at_gateway("primary", "UPDATE charges SET status = ? WHERE id = 'ch_paid_1'", status)
    assert broken(quiet=False) == {4}


def test_a_success_at_the_other_gateway_breaks_invariant_4(
    shop: MadeUp, broken: Broken, damage: Callable[..., None]
) -> None:
    damage(
        "UPDATE payments_attempt SET gateway = 'secondary' WHERE id = 'att_paid_1'",
        "UPDATE payments_ledgerposting SET gateway = 'secondary' WHERE entity_id = 'att_paid_1'",
    )
    # The request went to the primary, whose charge nobody knows now; in sum, both gateways' books are wrong.
    assert broken() == {3, 4, 9, 25}


@pytest.mark.parametrize("status", ["failed", "expired", "canceled"])
def test_money_taken_for_a_payment_that_says_it_was_not_breaks_invariant_11(
    shop: MadeUp, broken: Broken, damage: Callable[..., None], status: str
) -> None:
    damage(
        f"UPDATE payments_payment SET status = '{status}' WHERE id = 'pay_paid'",
        f"UPDATE payments_auditentry SET after = '{status}' WHERE entity_id = 'pay_paid' AND after = 'success'",
    )
    # There is no such edge as processing → expired or canceled either, and the shop was told of a success.
    assert broken() == ({11, 32} if status == "failed" else {11, 22, 32})


def test_a_paid_payment_whose_money_was_taken_back_unseen_breaks_invariant_12(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE charges SET status = 'canceled' WHERE id = 'ch_paid_1'")
    # The books have more than the gateway, too.
    assert broken() == {9, 12}


def test_a_payment_paid_in_halves_at_two_gateways_breaks_invariant_12(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE charges SET amount = 500 WHERE id = 'ch_paid_1'")
    shop.at_gateway(
        "secondary",
        "INSERT INTO charges VALUES (NULL, 'ch_half', 'pay_paid-a1', 'pay_paid', 500, 'USD', 'succeeded',"
        " NULL, NULL, '', '', '', '', 0, '', NULL)",
    )
    assert broken() == {1, 2, 3, 9, 12}
