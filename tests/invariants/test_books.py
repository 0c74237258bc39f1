"""Damage to books and amounts is found: invariants 9, 10 and 23."""

from collections.abc import Callable

import pytest

from tests.invariants.conftest import Broken
from tests.invariants.made_up import MadeUp

Damage = Callable[..., None]


def test_a_capture_that_was_not_posted_breaks_invariant_9(broken: Broken, damage: Damage) -> None:
    damage("DELETE FROM payments_ledgerposting WHERE entity_id = 'att_paid_1'")
    assert broken(quiet=False) == {9}
    assert broken() == {9}


def test_a_capture_posted_to_another_account_breaks_invariant_9(broken: Broken, damage: Damage) -> None:
    damage("UPDATE payments_ledgerposting SET credit = 'customer_owed' WHERE entity_id = 'att_paid_1'")
    assert broken(quiet=False) == {9}


@pytest.mark.parametrize("column", ["gateway = 'secondary'", "currency = 'EUR'", "amount = 999"])
def test_a_posting_of_something_else_breaks_invariant_9(broken: Broken, damage: Damage, column: str) -> None:
    damage(f"UPDATE payments_ledgerposting SET {column} WHERE entity_id = 'att_paid_1'")
    assert broken(quiet=False) == {9}


def test_a_capture_posted_for_a_decline_breaks_invariant_9(shop: MadeUp, broken: Broken) -> None:
    shop.post("att_declined_1", "gateway_balance", "sales")
    assert broken(quiet=False) == {9}


def test_a_posting_of_nothing_that_is_there_breaks_invariant_9(broken: Broken, damage: Damage) -> None:
    columns = "payment_id, gateway, currency, debit, credit, amount, at"
    damage(
        f"INSERT INTO payments_ledgerposting (entity_id, {columns})"
        f" SELECT 'att_nowhere_1', {columns} FROM payments_ledgerposting WHERE entity_id = 'att_paid_1'"
    )
    assert broken(quiet=False) == {9}


def test_money_given_back_that_was_not_posted_breaks_invariant_9(broken: Broken, damage: Damage) -> None:
    damage("DELETE FROM payments_ledgerposting WHERE debit = 'customer_owed' AND entity_id = 'sur_twice_1b'")
    assert broken(quiet=False) == {9}


def test_a_surplus_charge_that_was_never_posted_breaks_invariant_9(broken: Broken, damage: Damage) -> None:
    damage("DELETE FROM payments_ledgerposting WHERE entity_id = 'sur_twice_1b'")
    assert broken(quiet=False) == {9}


def test_a_taken_back_capture_still_in_the_books_breaks_invariant_9(broken: Broken, damage: Damage) -> None:
    damage("DELETE FROM payments_ledgerposting WHERE debit = 'sales'")
    assert broken(quiet=False) == {9}


@pytest.mark.parametrize("amount", ["0", "-1000", "'ten'", "10.5"])
def test_an_amount_that_is_no_amount_breaks_invariant_10(broken: Broken, damage: Damage, amount: str) -> None:
    damage(
        f"UPDATE payments_order SET amount = {amount} WHERE id = 'ord_calledoff'",
        f"UPDATE payments_payment SET amount = {amount} WHERE id = 'pay_calledoff'",
    )
    assert broken(quiet=False) == {10}


def test_a_payment_of_another_amount_than_its_order_breaks_invariant_10(broken: Broken, damage: Damage) -> None:
    damage("UPDATE payments_payment SET amount = 999 WHERE id = 'pay_calledoff'")
    assert broken(quiet=False) == {10}


@pytest.mark.parametrize("column", ["amount = 999", "currency = 'EUR'"])
def test_an_attempt_of_something_else_than_its_payment_breaks_invariant_10(
    broken: Broken, damage: Damage, column: str
) -> None:
    damage(f"UPDATE payments_attempt SET {column} WHERE id = 'att_declined_1'")
    assert broken(quiet=False) == {10}


def test_a_surplus_charge_in_another_currency_breaks_invariant_10(broken: Broken, damage: Damage) -> None:
    damage(
        "UPDATE payments_surpluscharge SET currency = 'EUR' WHERE id = 'sur_twice_1b'",
        "UPDATE payments_ledgerposting SET currency = 'EUR' WHERE entity_id = 'sur_twice_1b'",
    )
    assert broken(quiet=False) == {10}


@pytest.mark.parametrize("table", ["payments_auditentry", "payments_ledgerposting"])
@pytest.mark.parametrize("change", ["update", "delete"])
def test_a_record_that_can_be_changed_breaks_invariant_23(
    shop: MadeUp, broken: Broken, table: str, change: str
) -> None:
    before = shop.sql(f"SELECT * FROM {table} ORDER BY id")
    shop.sql(f"DROP TRIGGER {table}_no_{change}")
    assert broken(quiet=False) == {23}
    # The checker looks by trying, and leaves nothing of it.
    assert shop.sql(f"SELECT * FROM {table} ORDER BY id") == before


@pytest.mark.parametrize("refund", ["rf_refunded", "rf_outside"])
def test_a_refund_that_was_not_posted_breaks_invariant_9(broken: Broken, damage: Damage, refund: str) -> None:
    damage(f"DELETE FROM payments_ledgerposting WHERE entity_id = '{refund}'")
    assert broken(quiet=False) == {9}
    assert broken() == {9}


def test_a_refund_that_came_back_and_is_still_in_the_books_breaks_invariant_9(broken: Broken, damage: Damage) -> None:
    damage("DELETE FROM payments_ledgerposting WHERE entity_id = 'rf_cameback' AND credit = 'refunds'")
    assert broken() == {9}


def test_a_refund_in_another_currency_breaks_invariant_10(broken: Broken, damage: Damage) -> None:
    damage(
        "UPDATE refunds_refund SET currency = 'EUR' WHERE id = 'rf_approved'",
        "UPDATE payments_ledgerposting SET currency = 'EUR' WHERE entity_id = 'rf_approved'",
    )
    assert broken(quiet=False) == {10}
