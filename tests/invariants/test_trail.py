"""Damage to the audit trail is found: invariants 22 and 24."""

from collections.abc import Callable

import pytest

from tests.invariants.conftest import Broken
from tests.invariants.made_up import MadeUp

# A trail that was damaged disagrees with what the shop was told, too.
TOLD = {32}

Damage = Callable[..., None]


def test_a_state_without_its_entry_breaks_invariant_22(broken: Broken, damage: Damage) -> None:
    damage("DELETE FROM payments_auditentry WHERE entity_id = 'pay_paid' AND after = 'success'")
    assert broken(quiet=False) - TOLD == {22}


@pytest.mark.parametrize("entity", ["pay_paid", "att_paid_1", "sur_twice_1b"])
def test_an_entity_without_entries_breaks_invariant_22(broken: Broken, damage: Damage, entity: str) -> None:
    damage(f"DELETE FROM payments_auditentry WHERE entity_id = '{entity}'")
    assert broken(quiet=False) - TOLD == {22}


def test_a_gap_between_entries_breaks_invariant_22(broken: Broken, damage: Damage) -> None:
    damage("DELETE FROM payments_auditentry WHERE entity_id = 'pay_elsewhere' AND after = 'retrying'")
    assert broken(quiet=False) - TOLD == {22}


def test_a_state_changed_behind_the_trail_breaks_invariant_22(broken: Broken, damage: Damage) -> None:
    damage("UPDATE payments_payment SET status = 'failed' WHERE id = 'pay_calledoff'")
    assert broken(quiet=False) - TOLD == {22}


@pytest.mark.parametrize(
    ("payment", "edge"),
    [
        ("pay_calledoff", ("pending", "success")),
        ("pay_paid", ("success", "failed")),
        ("pay_declined", ("failed", "pending")),
        ("pay_expired", ("expired", "processing")),
    ],
)
def test_an_edge_of_a_payment_that_is_not_published_breaks_invariant_22(
    shop: MadeUp, broken: Broken, damage: Damage, payment: str, edge: tuple[str, str]
) -> None:
    before, after = edge
    if payment == "pay_calledoff":
        damage("DELETE FROM payments_auditentry WHERE entity_id = 'pay_calledoff' AND after = 'canceled'")
    damage(f"UPDATE payments_payment SET status = '{after}' WHERE id = '{payment}'")
    shop.tell(payment, payment, "payment.forced", before, after)
    assert broken(quiet=False) - TOLD == {22}


@pytest.mark.parametrize("state", ["sent", "unknown", "declined", "not_found", "unresolved"])
def test_an_edge_of_an_attempt_that_is_not_published_breaks_invariant_22(
    shop: MadeUp, broken: Broken, damage: Damage, state: str
) -> None:
    damage(f"UPDATE payments_attempt SET state = '{state}' WHERE id = 'att_takenback_1'")
    shop.tell("pay_takenback", "att_takenback_1", "attempt.forced", "voided", state)
    assert broken(quiet=False) - TOLD == {22}


def test_a_returned_surplus_charge_that_is_owed_again_breaks_invariant_22(
    shop: MadeUp, broken: Broken, damage: Damage
) -> None:
    damage(
        "UPDATE payments_surpluscharge SET state = 'owed' WHERE id = 'sur_twice_1b'",
        "DELETE FROM payments_ledgerposting WHERE debit = 'customer_owed' AND entity_id = 'sur_twice_1b'",
    )
    shop.tell("pay_twice", "sur_twice_1b", "surplus.forced", "returned", "owed")
    assert broken(quiet=False) - TOLD == {22}


def test_a_payment_born_in_another_state_breaks_invariant_22(broken: Broken, damage: Damage) -> None:
    damage(
        "DELETE FROM payments_auditentry WHERE entity_id = 'pay_calledoff' AND before = ''",
        "UPDATE payments_auditentry SET before = '' WHERE entity_id = 'pay_calledoff'",
    )
    assert broken(quiet=False) - TOLD == {22}


def test_an_attempt_that_nobody_started_breaks_invariant_22(broken: Broken, damage: Damage) -> None:
    damage("UPDATE payments_auditentry SET data = '{}' WHERE entity_id = 'pay_paid'")
    assert broken(quiet=False) - TOLD == {22}


def test_an_entry_about_nothing_breaks_invariant_22(shop: MadeUp, broken: Broken) -> None:
    shop.tell("pay_nowhere", "pay_nowhere", "payment.accepted", "", "pending")
    assert broken(quiet=False) - TOLD == {22}


@pytest.mark.parametrize("column", ["actor", "cause", "action"])
def test_an_entry_that_does_not_say_who_or_why_breaks_invariant_24(broken: Broken, damage: Damage, column: str) -> None:
    damage(f"UPDATE payments_auditentry SET {column} = ' ' WHERE entity_id = 'pay_paid' AND after = 'success'")
    assert broken(quiet=False) == {24}


def test_entries_out_of_order_break_invariant_24(broken: Broken, damage: Damage) -> None:
    damage(
        "UPDATE payments_auditentry SET at = '2020-01-01 00:00:00' WHERE entity_id = 'pay_paid' AND after = 'success'"
    )
    assert broken(quiet=False) == {24}


@pytest.mark.parametrize(
    ("damaged", "also"),
    [
        ("DELETE FROM payments_auditentry WHERE entity_id = 'rf_refunded'", {32}),
        ("DELETE FROM payments_auditentry WHERE entity_id = 'rfa_refunded_1'", set()),
        ("UPDATE payments_auditentry SET data = '{}' WHERE entity_id = 'rf_refunded' AND after = 'processing'", set()),
        ("DELETE FROM payments_auditentry WHERE entity_id = 'dp_disputed' AND after = 'lost'", {32}),
        ("UPDATE refunds_refundattempt SET state = 'bounced' WHERE id = 'rfa_refunded_1'", set()),
    ],
)
def test_a_trail_that_does_not_tell_breaks_invariant_22(
    broken: Broken, damage: Damage, damaged: str, also: set[int]
) -> None:
    damage(damaged)
    assert broken(quiet=False) == {22} | also


@pytest.mark.parametrize(
    ("refund", "edge"),
    [("rf_refunded", ("succeeded", "processing")), ("rf_norefund", ("failed", "processing"))],
)
def test_an_edge_of_a_refund_that_is_not_published_breaks_invariant_22(
    shop: MadeUp, broken: Broken, damage: Damage, refund: str, edge: tuple[str, str]
) -> None:
    damage(f"UPDATE refunds_refund SET state = '{edge[1]}' WHERE id = '{refund}'")
    shop.tell(f"pay_{refund[3:]}", refund, "refund.odd", *edge)
    assert 22 in broken(quiet=False)
