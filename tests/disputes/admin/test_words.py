"""Every word of the machine about disputes has words for people."""

import ast
import re
from pathlib import Path

import pytest

import disputes
from disputes.admin import words
from disputes.events import CREATED, OF_STATUS
from disputes.models import Dispute
from disputes.services import claim, heard
from disputes.states import DisputeStatus
from payments.admin import sentences
from payments.clock import database_now
from payments.models import AuditEntry

ROOT = Path(disputes.__file__).parent
ACTION = re.compile(r"dispute\.[a-z_]+")
TROUBLE = re.compile(r"[a-z_]+_mismatch")


def texts_in(paths: list[Path], pattern: re.Pattern[str]) -> set[str]:
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if pattern.fullmatch(text)}


def test_every_action_that_a_service_writes_has_a_sentence() -> None:
    written = texts_in(list((ROOT / "services").rglob("*.py")), ACTION)
    # Made of the status that the gateway answered.
    actions = {*written, "dispute.won", "dispute.lost"} - {CREATED}
    assert {"dispute.opened", "dispute.confirmed", "dispute.reopened", "dispute.closed", "dispute.asked_now"} <= actions
    told = {action: sentences.of_entry(AuditEntry(action=action)) for action in actions}
    assert [action for action, sentence in sorted(told.items()) if sentence == action] == []
    assert set(OF_STATUS) == set(words.LABELS) == set(DisputeStatus.values)


@pytest.mark.django_db
@pytest.mark.parametrize("status", DisputeStatus.values)
def test_every_state_has_words(status: str) -> None:
    assert words.of_dispute(Dispute(status=status, confirmed_at=database_now())) not in {"", status}


def test_a_dispute_that_only_an_event_told_of_does_not_read_as_certain() -> None:
    assert words.of_dispute(Dispute()) == "The gateway's event says so; asked, the gateway has not confirmed it yet"


def test_every_trouble_of_our_own_has_words() -> None:
    mismatches = texts_in([Path(heard.__file__)], TROUBLE)
    assert {"reference_mismatch", "mode_mismatch"} <= mismatches
    troubles = {*mismatches, heard.NOT_FOUND, claim.NO_GATEWAY, "defect", "read_timeout"}
    assert [trouble for trouble in sorted(troubles) if words.of_trouble(trouble) == trouble] == []


def test_a_reason_keeps_the_gateways_word_beside_ours() -> None:
    assert words.of_reason("product_not_received") == (
        "the customer says that the goods never came (product_not_received)"
    )
    assert words.of_reason("moon_phase") == "moon_phase"


def test_the_reason_of_an_entry_is_told_by_what_it_is_about() -> None:
    def why(action: str, reason: str) -> str:
        return sentences.why(AuditEntry(action=action, reason=reason))

    assert why("dispute.opened", "general") == "no particular reason (general)"
    assert why("dispute.closed", "not_found") == "the gateway said once that it knows of no such dispute (not_found)"
    assert why("dispute.asked_now", "general") == "general"
