"""What shops and customers were told wrongly, twice or not at all is found: invariants 28, 31 to 33 and 35."""

import pytest

from tests.invariants.conftest import Broken
from tests.invariants.made_up import MadeUp
from tests.invariants.tables import DISPUTE_TOLD_AS, REFUND_TOLD_AS, TOLD_AS


def test_both_copies_of_the_event_types_say_the_same() -> None:
    from disputes import events as of_disputes
    from payments import events
    from refunds import events as of_refunds

    assert {str(status): type_ for status, type_ in events.OF_STATUS.items()} == dict(TOLD_AS)
    refunds = {"": of_refunds.CREATED} | {str(state): type_ for state, type_ in of_refunds.OF_STATE.items()}
    assert refunds == dict(REFUND_TOLD_AS)
    disputes = {"": of_disputes.CREATED} | {str(status): type_ for status, type_ in of_disputes.OF_STATUS.items()}
    assert disputes == dict(DISPUTE_TOLD_AS)


def test_a_transition_that_nobody_was_told_breaks_invariant_32(shop: MadeUp, broken: Broken) -> None:
    shop.sql("DELETE FROM payments_event WHERE payment_id = 'pay_paid' AND sequence = 2")
    shop.sql("UPDATE payments_payment SET events_written = 1 WHERE id = 'pay_paid'")
    assert broken(quiet=False) == {32}


def test_a_gap_in_the_sequence_breaks_invariant_32(shop: MadeUp, broken: Broken) -> None:
    shop.sql("UPDATE payments_payment SET events_written = 3 WHERE id = 'pay_paid'")
    assert broken() == {32}


def test_a_transition_told_twice_breaks_invariant_32(shop: MadeUp, broken: Broken) -> None:
    shop.publish("pay_paid", "payment.succeeded")
    assert broken() == {32}


def test_a_surplus_charge_told_without_being_there_breaks_invariant_32(shop: MadeUp, broken: Broken) -> None:
    shop.publish("pay_paid", "surplus.found")
    assert broken() == {32}


def test_events_of_a_payment_that_is_not_there_break_invariant_33(shop: MadeUp, broken: Broken, damage: object) -> None:
    assert callable(damage)
    damage("UPDATE payments_event SET payment_id = 'pay_gone' WHERE payment_id = 'pay_declined'")
    assert broken() == {32}


def test_a_body_that_tells_of_another_event_breaks_invariant_32(shop: MadeUp, broken: Broken, damage: object) -> None:
    assert callable(damage)
    damage("UPDATE payments_event SET body = replace(body, '\"sequence\": 2', '\"sequence\": 1') WHERE sequence = 2")
    assert broken() == {32}


def test_events_published_out_of_order_break_invariant_32(shop: MadeUp, broken: Broken) -> None:
    [(first,)] = shop.sql("SELECT position FROM payments_event WHERE payment_id = 'pay_paid' AND sequence = 1")
    shop.sql("UPDATE payments_event SET position = position + 1000 WHERE position = ?", first)
    assert broken(quiet=False) == {32}


def test_an_event_that_was_never_published_breaks_invariant_13(shop: MadeUp, broken: Broken) -> None:
    shop.sql("UPDATE payments_event SET position = NULL WHERE payment_id = 'pay_paid' AND sequence = 2")
    assert broken(quiet=False) == set()
    assert broken() == {13}


def test_a_gateways_event_that_is_still_parked_breaks_invariant_31(shop: MadeUp, broken: Broken) -> None:
    shop.gateway_event("evt_1", "parked")
    assert broken(quiet=False) == set()
    assert broken() == {31}
    shop.gateway_event("evt_2", "applied")
    shop.sql("UPDATE payments_gatewayevent SET state = 'given_up' WHERE event_id = 'evt_1'")
    assert broken() == set()


def test_a_receipt_for_a_payment_that_failed_breaks_invariant_35(shop: MadeUp, broken: Broken) -> None:
    shop.message("pay_paid", "received")
    assert broken() == set()
    shop.message("pay_declined", "received")
    assert broken() == {35}


def test_two_receipts_for_one_payment_break_invariant_35(shop: MadeUp, broken: Broken) -> None:
    shop.message("pay_paid", "received")
    shop.message("pay_paid", "resolved")
    assert broken() == {35}


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
