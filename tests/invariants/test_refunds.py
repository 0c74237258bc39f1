"""Damage to refunds and disputes is found: invariants 5 to 10, 13, 21, 22, 25, 32 and 35 of them."""

from collections.abc import Callable

import pytest

from tests.invariants import check
from tests.invariants.conftest import Broken
from tests.invariants.healthy import paid
from tests.invariants.made_up import MadeUp

pytestmark = pytest.mark.once

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


def test_a_refund_that_was_sent_without_being_written_down_breaks_invariant_25(shop: MadeUp, broken: Broken) -> None:
    refund = shop.refund(paid(shop, "unwritten"), 100)
    shop.refund_request("primary", refund, "pay_unwritten")
    assert broken(quiet=False) == {25}


def test_a_refund_that_was_sent_too_early_breaks_invariant_25(shop: MadeUp, broken: Broken) -> None:
    shop.at_gateway("primary", "UPDATE refund_requests SET at_ms = at_ms - 60000 WHERE key = 'rf_approved'")
    found = check(shop.evidence, quiet=False)
    assert [(one.invariant, one.subject) for one in found] == [(25, "rf_approved")]


def test_a_refund_of_which_nobody_was_told_breaks_invariant_32(shop: MadeUp, broken: Broken) -> None:
    query = "SELECT max(sequence) FROM payments_event WHERE payment_id = 'pay_refunded'"
    [(last,)] = shop.sql(query)
    shop.sql("DELETE FROM payments_event WHERE payment_id = 'pay_refunded' AND sequence = ?", last)
    shop.sql("UPDATE payments_payment SET events_written = ? WHERE id = 'pay_refunded'", last - 1)
    assert broken(quiet=False) == {32}


@pytest.mark.parametrize("type_", ["refund.succeeded", "refund.created", "dispute.lost"])
def test_a_refund_or_dispute_told_twice_breaks_invariant_32(shop: MadeUp, broken: Broken, type_: str) -> None:
    shop.publish("pay_disputed" if type_.startswith("dispute") else "pay_refunded", type_)
    assert broken(quiet=False) == {32}


def test_a_message_of_a_refund_that_never_was_breaks_invariant_35(shop: MadeUp, broken: Broken) -> None:
    shop.message("pay_refunded", "refunded", "rf_refunded")
    shop.message("pay_cameback", "refunded", "rf_cameback")
    shop.message("pay_cameback", "refund_failed", "rf_cameback")
    assert broken(quiet=False) == set()
    shop.message("pay_norefund", "refunded", "rf_norefund")
    assert broken(quiet=False) == {35}


def test_a_message_that_a_refund_failed_which_did_not_breaks_invariant_35(shop: MadeUp, broken: Broken) -> None:
    shop.message("pay_refunded", "refund_failed", "rf_refunded")
    assert broken(quiet=False) == {35}


def test_two_messages_of_one_refund_break_invariant_35(shop: MadeUp, broken: Broken) -> None:
    indexes = shop.sql("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'payments_customermessage'")
    for (name,) in indexes:
        if not name.startswith("sqlite_"):
            shop.sql(f'DROP INDEX "{name}"')
    shop.message("pay_refunded", "refunded", "rf_refunded")
    shop.sql("CREATE TABLE copy AS SELECT * FROM payments_customermessage")
    shop.sql("DROP TABLE payments_customermessage")
    shop.sql("ALTER TABLE copy RENAME TO payments_customermessage")
    shop.message("pay_refunded", "refunded", "rf_refunded")
    assert broken(quiet=False) == {35}
