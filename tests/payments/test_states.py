"""The one table of states and edges (requirement A11)."""

from pathlib import Path

import pytest

from disputes.states import DISPUTE
from payments.models import Attempt, Payment
from payments.states import (
    ATTEMPT,
    FINAL,
    LIVE_OR_SUCCESSFUL,
    PAYMENT,
    SURPLUS,
    AttemptState,
    PaymentStatus,
    StateTable,
)
from refunds.states import BULK, REFUND, REFUND_ATTEMPT

DOCS = Path(__file__).resolve().parents[2] / "docs" / "states.md"


@pytest.mark.parametrize("table", [PAYMENT, ATTEMPT])
def test_every_edge_leads_between_known_states(table: StateTable) -> None:
    known = set(PaymentStatus.values) if table is PAYMENT else set(AttemptState.values)
    assert {state for pair in table.pairs() for state in pair} <= known


@pytest.mark.parametrize(("model", "field", "table"), [(Payment, "status", PAYMENT), (Attempt, "state", ATTEMPT)])
def test_the_models_transitions_are_the_tables_edges(
    model: type[Payment] | type[Attempt], field: str, table: StateTable
) -> None:
    state_field = model._meta.get_field(field)
    transitions = state_field.get_all_transitions(model)  # type: ignore[union-attr]
    assert sorted({(edge.source, edge.target) for edge in transitions}) == table.pairs()


def test_no_edge_leaves_a_final_state_but_those_that_need_the_gateways_proof() -> None:
    leaving = [(before, after) for before, after in PAYMENT.pairs() if before in FINAL]
    assert leaving == [("canceled", "success"), ("expired", "success"), ("failed", "success"), ("success", "review")]


def test_a_payment_that_can_still_be_charged_or_was_blocks_its_order() -> None:
    assert set(PaymentStatus.values) - set(LIVE_OR_SUCCESSFUL) == {"failed", "expired", "canceled"}


def test_the_page_about_states_lists_every_edge() -> None:
    rows = [line.strip("| ").split(" | ") for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    written = [(row[0], after) for row in rows if row[0] != "From" for after in row[1].split(", ")]
    tables = (PAYMENT, ATTEMPT, SURPLUS, REFUND, REFUND_ATTEMPT, BULK, DISPUTE)
    assert sorted(written) == sorted(pair for table in tables for pair in table.pairs())
