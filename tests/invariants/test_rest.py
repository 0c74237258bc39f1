"""What is left to do at rest is found: invariant 13."""

import pytest

from tests.invariants.conftest import Broken
from tests.invariants.healthy import paid
from tests.invariants.made_up import MadeUp


def test_a_payment_that_nobody_settles_breaks_invariant_13(shop: MadeUp, broken: Broken) -> None:
    shop.accept("forgotten")
    assert broken(quiet=False) == set()
    assert broken() == {13}


@pytest.mark.parametrize(
    ("attempt_state", "payment_state"),
    [
        ("sent", "processing"),
        ("unknown", "processing"),
        ("action_required", "requires_action"),
        ("declined", "retrying"),
    ],
)
def test_a_payment_left_under_way_breaks_invariant_13(
    shop: MadeUp, broken: Broken, attempt_state: str, payment_state: str
) -> None:
    attempt = shop.start(shop.accept("halfway"))
    for entity, state in ((attempt, attempt_state), ("pay_halfway", payment_state)):
        if state not in {"sent", "processing"}:
            shop.move(entity, state)
    assert broken(quiet=False) == set()
    assert broken() == {13}


def test_an_open_attempt_of_a_failed_payment_breaks_invariant_13(shop: MadeUp, broken: Broken) -> None:
    shop.move(shop.start(shop.accept("dropped")), "unknown")
    shop.move("pay_dropped", "failed")
    assert broken() == {13}


def test_an_attempt_in_review_that_nobody_asked_about_since_it_was_sent_breaks_invariant_13(
    shop: MadeUp, broken: Broken
) -> None:
    shop.start(shop.accept("dropped"))
    shop.move("pay_dropped", "review")
    shop.ask("pay_dropped", "unknown_too_long")
    assert broken() == {13}


@pytest.mark.parametrize("change", ["closed_at = '2026-01-01 00:00:00'", "detail = ' '"])
def test_a_review_without_an_open_question_breaks_invariant_13(shop: MadeUp, broken: Broken, change: str) -> None:
    shop.sql(f"UPDATE payments_operatortask SET {change} WHERE payment_id = 'pay_takenback'")
    assert broken() == {13}


def test_a_surplus_charge_still_owed_breaks_invariant_13(shop: MadeUp, broken: Broken) -> None:
    surplus = shop.surplus("att_paid_1", shop.charge("att_paid_1", suffix="b"), "duplicate_charge")
    assert broken(quiet=False) == set()
    assert broken() == {1, 12, 13}
    shop.give_back(surplus)
    assert broken() == set()


def test_a_refused_return_that_nobody_is_asked_about_breaks_invariant_13(shop: MadeUp, broken: Broken) -> None:
    shop.move(shop.surplus("att_paid_1", shop.charge("att_paid_1", suffix="b"), "duplicate_charge"), "refused")
    assert broken() == {1, 12, 13}


def test_a_refund_left_under_way_breaks_invariant_13(shop: MadeUp, broken: Broken) -> None:
    refund = shop.refund(paid(shop, "halfway"), 100)
    assert broken() == {13}
    attempt = shop.send_refund(refund)
    assert broken() == {13}
    shop.move(attempt, "unknown")
    shop.move(refund, "unknown")
    assert broken(quiet=False) == set()
    assert broken() == {13}
    shop.ask("pay_halfway", "refund_unknown")
    assert broken() == set()


def test_a_refund_that_the_gateway_has_not_ended_is_no_violation(shop: MadeUp, broken: Broken) -> None:
    refund = shop.refund(paid(shop, "slow"), 100)
    shop.move(shop.send_refund(refund), "pending")
    shop.sql("UPDATE refunds_refund SET gateway_reference = ? WHERE id = ?", shop.give(refund, "pending"), refund)
    assert broken() == set()
