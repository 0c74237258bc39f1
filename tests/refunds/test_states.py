"""The states of refunds, their attempts and bulk refunds: one table each, and methods that keep to it (A11)."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from django_fsm import TransitionNotAllowed

from payments.clock import database_now
from payments.states import StateTable
from refunds.models import BulkRefund, Refund, RefundAttempt
from refunds.states import (
    BULK,
    OPEN,
    OPEN_OR_SUCCEEDED,
    REFUND,
    REFUND_ATTEMPT,
    RESERVED,
    BulkState,
    RefundAttemptState,
    RefundState,
)

pytestmark = pytest.mark.django_db

Move = Callable[[Any], None]
_REFUND: Final[dict[str, Move]] = {
    "processing": lambda refund: refund.process(at=None),
    "unknown": lambda refund: refund.lose(),
    "succeeded": lambda refund: refund.succeed(now=database_now()),
    "failed": lambda refund: refund.fail(code="declined", now=database_now()),
    "rejected": lambda refund: refund.reject(code="called_off", now=database_now()),
}
_ATTEMPT: Final[dict[str, Move]] = {
    "succeeded": lambda attempt: attempt.succeed(now=database_now()),
    "pending": lambda attempt: attempt.wait(),
    "declined": lambda attempt: attempt.decline(now=database_now()),
    "not_sent": lambda attempt: attempt.prove_not_sent(now=database_now()),
    "rejected": lambda attempt: attempt.reject(now=database_now()),
    "unknown": lambda attempt: attempt.lose(),
    "not_found": lambda attempt: attempt.prove_not_found(now=database_now()),
    "unresolved": lambda attempt: attempt.give_to_people(),
    "bounced": lambda attempt: attempt.bounce(now=database_now()),
}
_BULK: Final[dict[str, Move]] = {
    "awaiting_approval": lambda bulk: bulk.await_approval(lapses_at=database_now()),
    "running": lambda bulk: bulk.start(now=database_now()),
    "stopped": lambda bulk: bulk.stop(),
    "done": lambda bulk: bulk.finish(now=database_now()),
    "canceled": lambda bulk: bulk.cancel(now=database_now()),
}
_KINDS: Final = (
    (Refund, REFUND, tuple(RefundState.values), _REFUND),
    (RefundAttempt, REFUND_ATTEMPT, tuple(RefundAttemptState.values), _ATTEMPT),
    (BulkRefund, BULK, tuple(BulkState.values), _BULK),
)
_MOVES: Final = [
    (model, table, before, target, move)
    for model, table, states, moves in _KINDS
    for before in states
    for target, move in moves.items()
]


@pytest.mark.parametrize(
    ("model", "table", "before", "target", "move"),
    _MOVES,
    ids=[f"{model.__name__}-{before}-{target}" for model, _, before, target, _ in _MOVES],
)
def test_a_method_goes_along_the_edges_of_the_table_and_no_other(
    model: type[Any], table: StateTable, before: str, target: str, move: Move
) -> None:
    row = model(state=before)
    if table.allows(before, target):
        move(row)
        assert row.state == target
        return
    with pytest.raises(TransitionNotAllowed):
        move(row)
    assert row.state == before


@pytest.mark.parametrize(("model", "table", "states", "moves"), _KINDS)
def test_the_models_transitions_are_the_tables_edges(
    model: type[Any], table: StateTable, states: tuple[str, ...], moves: dict[str, Move]
) -> None:
    transitions = model._meta.get_field("state").get_all_transitions(model)
    assert sorted({(edge.source, edge.target) for edge in transitions}) == table.pairs()
    assert {state for pair in table.pairs() for state in pair} <= set(states)
    # Every state is entered by a method or born.
    assert {*moves, *table.births} == set(states)


def test_no_state_is_assigned() -> None:
    with pytest.raises(AttributeError):
        Refund(state="requested").state = "succeeded"


def test_no_edge_leaves_the_end_of_a_refund_but_those_that_need_the_gateways_proof() -> None:
    leaving = [(before, after) for before, after in REFUND.pairs() if before not in OPEN]
    assert leaving == [("failed", "succeeded"), ("succeeded", "failed")]


def test_what_may_still_happen_stays_reserved() -> None:
    assert set(RefundState.values) - set(RESERVED) == {"failed", "rejected"}
    assert set(RefundAttemptState.values) - set(OPEN_OR_SUCCEEDED) == {
        *("declined", "not_sent", "rejected", "not_found", "bounced")
    }


@pytest.mark.parametrize(("before", "move"), [("processing", _REFUND["succeeded"]), ("requested", _REFUND["rejected"])])
def test_a_refund_that_is_over_is_due_no_more(before: str, move: Move) -> None:
    now = database_now()
    refund = Refund(state=before, due_at=now, claimed_until=now)
    move(refund)
    assert (refund.due_at, refund.claimed_until) == (None, None)
    assert refund.finished_at is not None
    assert refund.finished_at >= now


def test_a_bulk_refund_that_goes_on_keeps_its_first_start() -> None:
    first, later = database_now(), database_now()
    row = BulkRefund(state="checked")
    row.start(now=first)
    row.stop()
    row.start(now=later)
    assert (row.started_at, row.due_at, row.finished_at) == (first, later, None)
