"""Damage to what keys are for is found: invariants 16, 21 and 25."""

from collections.abc import Callable

import pytest

from tests.invariants import check
from tests.invariants.conftest import Broken
from tests.invariants.healthy import paid
from tests.invariants.made_up import MadeUp

Damage = Callable[..., None]


def test_two_payments_under_one_key_break_invariant_16(broken: Broken, damage: Damage) -> None:
    damage("UPDATE payments_payment SET idempotency_key = 'key-paid' WHERE id = 'pay_declined'")
    assert broken(quiet=False) == {16}


def test_a_key_used_again_after_its_life_breaks_nothing(shop: MadeUp, broken: Broken, damage: Damage) -> None:
    damage(
        "UPDATE payments_payment SET idempotency_key = 'key-paid', created_at = datetime(created_at, '+1 day')"
        " WHERE id = 'pay_declined'"
    )
    assert broken(quiet=False) == set()


@pytest.mark.parametrize("state", ["pending", "processing", "review"])
def test_two_live_payments_of_one_order_break_invariant_16(shop: MadeUp, broken: Broken, state: str) -> None:
    shop.sql("DROP INDEX one_live_or_successful_payment_per_order")
    shop.accept("paidagain", order="paid")
    if state != "pending":
        shop.start("pay_paidagain")
    if state == "review":
        shop.move("pay_paidagain", "review")
    assert broken(quiet=False) == {16}


def test_two_records_of_one_key_break_invariant_16(shop: MadeUp, broken: Broken) -> None:
    for statement in (
        "CREATE TABLE copy AS SELECT * FROM payments_idempotencyrecord",
        "DROP TABLE payments_idempotencyrecord",
        "ALTER TABLE copy RENAME TO payments_idempotencyrecord",
        "INSERT INTO payments_idempotencyrecord SELECT * FROM payments_idempotencyrecord WHERE key = 'key-paid'",
    ):
        shop.sql(statement)
    assert broken(quiet=False) == {16}


@pytest.mark.parametrize("column", ["payment_id = 'pay_declined'", "request_hash = 'another'", "client_id = 2"])
def test_a_record_that_names_something_else_breaks_invariant_16(shop: MadeUp, broken: Broken, column: str) -> None:
    shop.sql(f"UPDATE payments_idempotencyrecord SET {column} WHERE key = 'key-paid'")
    assert broken(quiet=False) == {16}


def test_a_key_sent_with_two_payloads_breaks_invariant_21(shop: MadeUp, broken: Broken) -> None:
    shop.request("primary", "pay_paid-a1", "pay_paid")
    assert broken(quiet=False) == set()
    shop.request("primary", "pay_paid-a1", "pay_paid", digest="another")
    assert broken(quiet=False) == {21}


def test_a_key_sent_to_two_gateways_breaks_invariant_21(shop: MadeUp, broken: Broken) -> None:
    shop.request("secondary", "pay_paid-a1", "pay_paid")
    # The second gateway's request has no attempt of its own.
    assert broken(quiet=False) == {21, 25}


def test_a_key_sent_after_its_life_breaks_invariant_21(shop: MadeUp, broken: Broken, damage: Damage) -> None:
    damage("UPDATE payments_attempt SET sent_at = datetime(sent_at, '-2 days') WHERE id = 'att_paid_1'")
    shop.request("primary", "pay_paid-a1", "pay_paid")
    shop.at_gateway("primary", "UPDATE requests SET at_ms = at_ms - 86400001 WHERE seq = 1")
    assert broken(quiet=False) == {21}


@pytest.mark.parametrize("state", ["sent", "unknown", "action_required", "succeeded"])
def test_a_second_attempt_while_the_first_may_have_charged_breaks_invariant_21(
    shop: MadeUp, broken: Broken, damage: Damage, state: str
) -> None:
    damage(f"UPDATE payments_auditentry SET after = '{state}' WHERE entity_id = 'att_elsewhere_1'")
    if state == "sent":
        damage("DELETE FROM payments_auditentry WHERE entity_id = 'att_elsewhere_1'")
    # Its row says otherwise, too, and the shop was told nothing of an unknown outcome.
    assert broken(quiet=False) - {32} == {21, 22}


def test_a_second_attempt_before_the_first_is_proven_absent_breaks_invariant_21(shop: MadeUp, broken: Broken) -> None:
    first = shop.start(shop.accept("hasty"))
    shop.move(first, "unknown")
    shop.sql("DROP INDEX one_open_or_succeeded_charge_per_payment")
    shop.move("pay_hasty", "retrying")
    shop.move(shop.start("pay_hasty"), "declined")
    # Too late: it was started in the dark.
    shop.move(first, "not_found")
    assert broken(quiet=False) == {21}


def test_a_first_attempt_that_succeeds_after_it_was_proven_absent_breaks_nothing(shop: MadeUp, broken: Broken) -> None:
    first = shop.start(shop.accept("patient"))
    shop.move(first, "unknown")
    shop.move(first, "not_found")
    shop.move("pay_patient", "retrying")
    shop.move(shop.start("pay_patient"), "declined")
    shop.succeed(first, shop.charge(first), "pay_patient")
    assert broken() == set()


def test_a_request_that_nobody_wrote_down_breaks_invariant_25(shop: MadeUp, broken: Broken) -> None:
    shop.request("primary", "pay_paid-a2", "pay_paid")
    assert broken(quiet=False) == {25}


def test_a_request_that_came_after_the_database_was_read_breaks_nothing(shop: MadeUp, broken: Broken) -> None:
    shop.request("primary", "pay_paid-a2", "pay_paid")
    shop.at_gateway("primary", "UPDATE requests SET at_ms = (unixepoch() + 60) * 1000 WHERE key = 'pay_paid-a2'")
    assert broken(quiet=False) == set()


def test_a_request_for_another_payment_breaks_invariant_25(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE requests SET reference = 'pay_late' WHERE key = 'pay_paid-a1'")
    assert broken(quiet=False) == {25}


def test_a_request_sent_before_it_was_written_down_breaks_invariant_25(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE requests SET at_ms = at_ms - 5000 WHERE key = 'pay_paid-a1'")
    assert broken(quiet=False) == {25}


def test_a_refund_key_sent_with_two_payloads_breaks_invariant_21(shop: MadeUp, broken: Broken) -> None:
    shop.refund_request("primary", "rf_refunded", "pay_refunded")
    assert broken(quiet=False) == set()
    shop.refund_request("primary", "rf_refunded", "pay_refunded", digest="another")
    assert broken(quiet=False) == {21}


def test_a_refund_key_sent_after_its_life_breaks_invariant_21(shop: MadeUp, broken: Broken) -> None:
    shop.refund_request("primary", "rf_refunded", "pay_refunded")
    day = "UPDATE refund_requests SET at_ms = at_ms + 90000000 WHERE seq = (SELECT max(seq) FROM refund_requests)"
    shop.at_gateway("primary", day)
    assert broken(quiet=False) == {21}


def test_a_refund_sent_to_another_gateway_breaks_invariants_21_and_25(shop: MadeUp, broken: Broken) -> None:
    shop.refund_request("secondary", "rf_refunded", "pay_refunded")
    assert broken(quiet=False) == {21, 25}


def test_a_refund_that_was_sent_without_being_written_down_breaks_invariant_25(shop: MadeUp, broken: Broken) -> None:
    refund = shop.refund(paid(shop, "unwritten"), 100)
    shop.refund_request("primary", refund, "pay_unwritten")
    assert broken(quiet=False) == {25}


def test_a_refund_that_was_sent_too_early_breaks_invariant_25(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE refund_requests SET at_ms = at_ms - 60000 WHERE key = 'rf_approved'")
    found = check(shop.evidence, quiet=False)
    assert [(one.invariant, one.subject) for one in found] == [(25, "rf_approved")]
