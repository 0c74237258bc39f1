"""Every word of the machine about refunds has words for people."""

import ast
import re
from pathlib import Path

import pytest

import refunds
from payments.admin import sentences
from payments.crash_points import POINTS
from payments.models import AuditEntry
from refunds import rules
from refunds.admin import labels, words
from refunds.models import Complaint, Reason, Refund
from refunds.states import RefundAttemptState, RefundState

ROOT = Path(refunds.__file__).parent
ACTION = re.compile(r"(refund|complaint)\.[a-z_]+")


def texts_in(paths: list[Path]) -> set[str]:
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def sentence(action: str, before: str = "a", after: str = "b") -> str:
    return sentences.of_entry(AuditEntry(action=action, before=before, after=after))


def test_every_action_that_a_service_writes_has_a_sentence() -> None:
    found = {text for text in texts_in(list((ROOT / "services").rglob("*.py"))) if ACTION.fullmatch(text)}
    actions = found - POINTS.keys() - {"refund.created"}
    assert {"refund.requested", "refund.approved", "refund.imported"} <= actions
    assert [action for action in sorted(actions) if sentence(action) == action] == []


def test_every_state_of_refunds_and_attempts_has_words_and_a_colour() -> None:
    for state in RefundState.values:
        assert words.of_refund(Refund(state=state))
        assert state in labels.REFUND
    for state in RefundAttemptState.values:
        assert words.of_attempt(state)
        assert state in labels.ATTEMPT
        if state != RefundAttemptState.SENT:
            assert sentence(f"refund_attempt.{state}") != f"refund_attempt.{state}"
    assert set(labels.DECISION) == set(Complaint.Decision.values)
    for decision in Complaint.Decision.values:
        assert sentence(f"complaint.{decision}") != f"complaint.{decision}"


def test_every_reason_why_a_refund_is_refused_has_words() -> None:
    calls = [
        node.args[0]
        for node in ast.walk(ast.parse(Path(rules.__file__).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refusal"
    ]
    codes = {str(node.value) for node in calls if isinstance(node, ast.Constant)}
    assert {"payment_disputed", "refund_window_over", "fully_refunded"} <= codes
    assert [code for code in sorted(codes) if code not in words.CODES] == []


@pytest.mark.parametrize("reason", Reason.values)
def test_the_reason_of_a_request_is_told_by_its_name(reason: str) -> None:
    entry = AuditEntry(action="refund.requested", reason=reason)
    assert sentences.why(entry) == Reason(reason).label


def test_a_code_keeps_its_machine_word_beside_the_words() -> None:
    assert words.of_code("called_off") == "somebody called it off (called_off)"
    assert words.of_code("read_timeout") == "no answer within the time allowed (read_timeout)"
    assert words.of_code("moon_phase") == "moon_phase"


def test_a_look_up_that_proves_nothing_does_not_read_as_a_lost_answer() -> None:
    assert sentence("refund_attempt.unknown", "sent", "unknown").startswith("No usable answer came")
    assert sentence("refund_attempt.unknown", "unknown", "unknown").startswith("The gateway was asked again")
