"""One story of each kind, told as it should end: evidence without any violation."""

from typing import Any

from tests.invariants.made_up import MadeUp
from tests.invariants.made_up_told import accepted, problem


def tell_healthy_stories(shop: MadeUp) -> None:
    """Fill an empty database and new ledgers."""
    shop.open_books()
    for story in (
        *(_paid, _declined, _paid_elsewhere, _charged_twice, _late, _too_late),
        *(_expired, _called_off, _wrong_amount, _taken_back),
        *(_refunded, _refund_declined, _refund_came_back, _approved, _at_the_dashboard, _disputed),
    ):
        story(shop)
    _clients(shop)


def _paid(shop: MadeUp) -> None:
    attempt = shop.start(shop.accept("paid"))
    shop.succeed(attempt, shop.charge(attempt), "pay_paid")
    # An equal request under another key joins the payment.
    shop.record("key-paid-joined", "pay_paid", client_id=1, request_hash="hash-paid")


def _declined(shop: MadeUp) -> None:
    attempt = shop.start(shop.accept("declined"))
    shop.charge(attempt, "declined")
    shop.move(attempt, "declined")
    shop.move("pay_declined", "failed")


def _paid_elsewhere(shop: MadeUp) -> None:
    shop.move(shop.start(shop.accept("elsewhere")), "not_sent")
    shop.move("pay_elsewhere", "retrying")
    attempt = shop.start("pay_elsewhere", "secondary")
    shop.succeed(attempt, shop.charge(attempt), "pay_elsewhere")


def _charged_twice(shop: MadeUp) -> None:
    attempt = shop.start(shop.accept("twice"))
    shop.succeed(attempt, shop.charge(attempt), "pay_twice")
    surplus = shop.surplus(attempt, shop.charge(attempt, suffix="b"), "duplicate_charge")
    shop.ask("pay_twice", "duplicate_charge")
    shop.give_back(surplus)


def _late(shop: MadeUp) -> None:
    attempt = shop.start(shop.accept("late"))
    _not_found(shop, attempt, "pay_late")
    shop.succeed(attempt, shop.charge(attempt), "pay_late")


def _too_late(shop: MadeUp) -> None:
    attempt = shop.start(shop.accept("toolate"))
    _not_found(shop, attempt, "pay_toolate")
    other = shop.start(shop.accept("instead", order="toolate"))
    shop.succeed(other, shop.charge(other), "pay_instead")
    shop.give_back(shop.surplus(attempt, shop.charge(attempt), "late_success"))


def _not_found(shop: MadeUp, attempt: str, payment: str) -> None:
    shop.move(attempt, "unknown")
    shop.tell(payment, attempt, "attempt.unknown", "unknown", "unknown")
    shop.move(attempt, "not_found")
    shop.move(payment, "failed")


def _expired(shop: MadeUp) -> None:
    attempt = shop.start(shop.accept("expired"))
    charge = shop.charge(attempt, "canceled")
    shop.sql("UPDATE payments_attempt SET gateway_reference = ? WHERE id = ?", charge, attempt)
    shop.move(attempt, "action_required")
    shop.move("pay_expired", "requires_action")
    shop.move(attempt, "voided")
    shop.move("pay_expired", "expired")


def _called_off(shop: MadeUp) -> None:
    shop.move(shop.accept("calledoff"), "canceled")


def _wrong_amount(shop: MadeUp) -> None:
    attempt = shop.start(shop.accept("wrong"))
    shop.charge(attempt, amount=1100)
    shop.move(attempt, "unknown")
    shop.ask("pay_wrong", "mismatch")
    shop.move(attempt, "unresolved")
    shop.move("pay_wrong", "review")


def _taken_back(shop: MadeUp) -> None:
    attempt = shop.start(shop.accept("takenback"))
    charge = shop.charge(attempt)
    shop.succeed(attempt, charge, "pay_takenback")
    shop.at_gateway("primary", "UPDATE charges SET status = 'canceled' WHERE id = ?", charge)
    shop.move(attempt, "voided")
    shop.post(attempt, "sales", "gateway_balance")
    shop.move("pay_takenback", "review")
    shop.ask("pay_takenback", "taken_back")


def paid(shop: MadeUp, name: str) -> str:
    """Return the attempt of a payment that was paid."""
    attempt = shop.start(shop.accept(name))
    shop.succeed(attempt, shop.charge(attempt), f"pay_{name}")
    return attempt


def _refunded(shop: MadeUp) -> None:
    refund = shop.refund(paid(shop, "refunded"), 300)
    attempt = shop.send_refund(refund)
    shop.move(attempt, "unknown")
    shop.move(refund, "unknown")
    shop.refunded(refund, attempt, shop.give(refund))
    second = shop.refund("att_refunded_1", 700, "b")
    shop.move(shop.send_refund(second), "not_sent")
    shop.refunded(second, shop.send_refund(second), shop.give(second))


def _refund_declined(shop: MadeUp) -> None:
    refund = shop.refund(paid(shop, "norefund"), 300)
    shop.move(shop.send_refund(refund), "declined")
    shop.move(refund, "failed")
    shop.ask("pay_norefund", "refund_failed")


def _refund_came_back(shop: MadeUp) -> None:
    refund = shop.refund(paid(shop, "cameback"), 300)
    attempt = shop.send_refund(refund)
    shop.refunded(refund, attempt, shop.give(refund))
    shop.at_gateway("primary", "UPDATE refunds SET status = 'failed' WHERE key = ?", refund)
    shop.move(attempt, "bounced")
    shop.move(refund, "failed")
    shop.post(refund, "gateway_balance", "refunds")


def _approved(shop: MadeUp) -> None:
    waits: dict[str, Any] = {"state": "awaiting_approval", "needs_approval": True, "requested_by": "operator:ann"}
    refund = shop.refund(paid(shop, "approved"), 900, **waits)
    shop.sql("UPDATE refunds_refund SET approved_by = 'operator:bob', state = 'processing' WHERE id = ?", refund)
    told = {"actor": "operator:bob", "parameters": f"hash-{refund}"}
    shop.tell("pay_approved", refund, "refund.approved", "awaiting_approval", "processing", **told)
    shop.publish("pay_approved", "refund.processing")
    shop.refunded(refund, shop.send_refund(refund), shop.give(refund))


def _at_the_dashboard(shop: MadeUp) -> None:
    made: dict[str, Any] = {"origin": "gateway", "state": "succeeded", "requested_by": "gateway:primary"}
    refund = shop.refund(paid(shop, "outside"), 250, **made)
    returned = shop.give(refund, suffix="dashboard")
    shop.sql("UPDATE refunds_refund SET gateway_reference = ? WHERE id = ?", returned, refund)
    shop.post(refund, "refunds", "gateway_balance")


def _disputed(shop: MadeUp) -> None:
    shop.move(shop.dispute(paid(shop, "disputed"), 400, "lost"), "lost")


def _clients(shop: MadeUp) -> None:
    shop.answer("key-paid", None, None)
    shop.answer("key-paid", 202, accepted("paid"))
    # The same amount, spelt in another way.
    shop.answer("key-paid", 202, accepted("paid"), request={"currency": "USD", "amount": 10}, replayed=True)
    shop.answer("key-paid", 422, problem(422), request={"amount": 11, "currency": "USD"})
    shop.answer("key-paid", 503, problem(503))
    shop.answer("key-paid-joined", 409, problem(409))
    shop.answer("key-paid-joined", 202, accepted("paid"), replayed=True)
    shop.answer("key-declined", 202, accepted("declined"))
    shop.answer("key-never", 400, problem(400))
