"""Damage to refunds is found: invariants 5 to 7."""

from collections.abc import Callable

import pytest

from tests.invariants.conftest import Broken
from tests.invariants.healthy import paid
from tests.invariants.made_up import MadeUp

Damage = Callable[..., None]


def test_more_refunds_than_the_capture_break_invariant_5(shop: MadeUp, broken: Broken, damage: Damage) -> None:
    damage(
        "UPDATE refunds_refund SET amount = 1001 WHERE id = 'rf_approved'",
        "UPDATE payments_payment SET refund_reserved = 1001, refunded = 1001 WHERE id = 'pay_approved'",
        "UPDATE payments_ledgerposting SET amount = 1001 WHERE entity_id = 'rf_approved'",
    )
    assert broken(quiet=False) == {5}
    shop.at_gateway("primary", "UPDATE refunds SET amount = 1001 WHERE key = 'rf_approved'")
    # More than was taken is lost, and nobody was told so.
    assert broken() == {5, 8}


@pytest.mark.parametrize(
    ("counter", "payment"),
    [
        *(("refund_reserved", "pay_refunded"), ("refunded", "pay_refunded"), ("refunded", "pay_cameback")),
        *(("disputed", "pay_paid"), ("charged_back", "pay_disputed")),
    ],
)
def test_a_counter_that_is_not_the_sum_breaks_invariant_5(
    broken: Broken, damage: Damage, counter: str, payment: str
) -> None:
    damage(f"UPDATE payments_payment SET {counter} = {counter} + 1 WHERE id = '{payment}'")
    assert broken(quiet=False) == {5}


def test_a_refund_of_what_was_not_captured_breaks_invariant_5(shop: MadeUp, broken: Broken, damage: Damage) -> None:
    refund = shop.refund(paid(shop, "undone"), 100)
    damage("UPDATE payments_payment SET status = 'failed' WHERE id = 'pay_undone'")
    assert refund == "rf_undone"
    assert 5 in broken(quiet=False)


def test_a_gateway_that_gave_back_more_than_it_took_breaks_invariant_5(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE refunds SET amount = 1000 WHERE id = 're_refundedb'")
    assert broken(quiet=False) == set()
    assert broken() == {5, 6, 9}


def test_two_refunds_at_the_gateway_for_one_request_break_invariant_6(shop: MadeUp, broken: Broken) -> None:
    shop.give("rf_approved", suffix="again", amount=100)
    assert broken() == {5, 6}
    shop.ask("pay_approved", "refund_mismatch")
    assert broken() == set()


def test_a_refund_of_the_dashboard_that_nobody_took_in_breaks_invariant_6(shop: MadeUp, broken: Broken) -> None:
    shop.refund(paid(shop, "alone"), 1, state="failed")
    shop.give("rf_alone", suffix="dashboard", amount=500)
    assert broken() == {5, 6}


@pytest.mark.parametrize("change", ["amount = 299", "currency = 'EUR'", "charge_id = 'ch_paid_1'"])
def test_a_refund_that_is_another_one_at_the_gateway_breaks_invariant_6(
    shop: MadeUp, broken: Broken, change: str
) -> None:
    shop.at_gateway("primary", f"UPDATE refunds SET {change} WHERE id = 're_refunded'")
    assert broken(quiet=False) == set()
    assert 6 in broken()


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_a_success_that_is_none_at_the_gateway_breaks_invariant_6(shop: MadeUp, broken: Broken, status: str) -> None:
    shop.at_gateway("primary", f"UPDATE refunds SET status = '{status}' WHERE id = 're_refunded'")
    assert broken() == {5, 6, 9}


def test_a_failed_refund_that_went_out_breaks_invariant_6(shop: MadeUp, broken: Broken) -> None:
    shop.give("rf_norefund")
    assert broken() == {5, 6, 9}


def test_a_success_without_its_refund_breaks_invariant_6_at_once(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "DELETE FROM refunds WHERE id = 're_refunded'")
    assert broken(quiet=False) == {6}
    assert broken() == {5, 6, 9}


def test_two_refunds_under_one_key_break_invariant_6(shop: MadeUp, broken: Broken, damage: Damage) -> None:
    shop.sql("DROP INDEX one_refund_per_key") if _has_index(shop) else _unkeyed(shop)
    damage("UPDATE refunds_refund SET idempotency_key = 'key-rf_refunded' WHERE id = 'rf_refundedb'")
    assert broken(quiet=False) == {6}


def _has_index(shop: MadeUp) -> bool:
    return bool(shop.sql("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = 'one_refund_per_key'"))


def _unkeyed(shop: MadeUp) -> None:
    """Make the table anew without its constraints."""
    triggers = shop.sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    for name, _ in triggers:
        shop.sql(f"DROP TRIGGER {name}")
    for statement in (
        "CREATE TABLE copy AS SELECT * FROM refunds_refund",
        "DROP TABLE refunds_refund",
        "ALTER TABLE copy RENAME TO refunds_refund",
    ):
        shop.sql(statement)
    for _, sql in triggers:
        shop.sql(sql)


def test_two_open_attempts_of_one_refund_break_invariants_6_and_21(shop: MadeUp, broken: Broken) -> None:
    shop.sql("DROP INDEX one_open_or_succeeded_attempt_per_refund")
    refund = shop.refund(paid(shop, "eager"), 100)
    shop.send_refund(refund)
    shop.send_refund(refund)
    assert broken(quiet=False) == {6, 21}


def test_a_refund_of_nobody_breaks_invariant_7(broken: Broken, damage: Damage) -> None:
    damage("UPDATE refunds_refund SET requested_by = '' WHERE id = 'rf_refunded'")
    assert broken(quiet=False) == {7}


@pytest.mark.parametrize("approver", ["", "operator:ann", "operator:eve"])
def test_a_refund_that_nobody_else_approved_breaks_invariant_7(broken: Broken, damage: Damage, approver: str) -> None:
    damage(f"UPDATE refunds_refund SET approved_by = '{approver}' WHERE id = 'rf_approved'")
    assert broken(quiet=False) == {7}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE refunds_refund SET parameters_hash = 'other' WHERE id = 'rf_approved'",
        "UPDATE payments_auditentry SET data = '{\"parameters\": \"other\"}' WHERE action = 'refund.approved'",
        "UPDATE payments_auditentry SET actor = 'operator:ann' WHERE action = 'refund.approved'",
        "UPDATE payments_auditentry SET action = 'refund.sent' WHERE action = 'refund.approved'",
    ],
)
def test_an_approval_of_something_else_breaks_invariant_7(broken: Broken, damage: Damage, change: str) -> None:
    damage(change)
    assert broken(quiet=False) == {7}
