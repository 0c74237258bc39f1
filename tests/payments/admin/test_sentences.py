"""Every word of the machine has words for people."""

import ast
import re
from pathlib import Path

import pytest

from payments.admin import labels, sentences
from payments.admin.operator_task import ADVICE
from payments.crash_points import POINTS
from payments.declines import DEFAULTS
from payments.models import AuditEntry, OperatorTask
from payments.reliability import calls, circuit_rules
from payments.states import AttemptState, PaymentStatus, SurplusState

PAYMENTS = Path(sentences.__file__).parents[1]
ACTION = re.compile(r"(payment|attempt|surplus|task)\.[a-z_]+")


def words_in(folder: str, pattern: re.Pattern[str]) -> set[str]:
    """Return the texts like `pattern` in the code of `folder`, without the names of crash points."""
    found = set()
    for path in (PAYMENTS / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and pattern.fullmatch(node.value):
                found.add(node.value)
    return found - POINTS.keys()


def test_every_action_that_a_service_writes_has_a_sentence() -> None:
    actions = words_in("services", ACTION)
    assert {"payment.accepted", "surplus.refused"} <= actions
    assert [action for action in actions if not sentences.has_sentence(action)] == []


def reasons_in(path: Path) -> set[str]:
    """Return the machine words that stand after a `Kind.…` in a call, or in a pair."""
    found: list[ast.expr] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and len(node.args) > 1 and ast.unparse(node.args[0]).startswith("Kind."):
            found.append(node.args[1])
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
            found += node.elts
    words = {node.value for node in found if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for word in words if re.fullmatch(r"[a-z_]+", word)}


@pytest.mark.parametrize("name", ["gateways/errors.py", "gateways/replies.py", "gateways/reports.py"])
def test_every_reason_that_an_outcome_can_have_is_explained(name: str) -> None:
    reasons = reasons_in(PAYMENTS / name)
    assert reasons
    assert [reason for reason in sorted(reasons) if not sentences.has_words(reason)] == []


@pytest.mark.parametrize(
    "reason",
    [
        *(calls.PAUSED, circuit_rules.HEALTH_CHECK, "no_gateway", "gateway_unavailable", "gateway_rejected"),
        *("network_limit", "queued_too_long", "worker_lost"),
    ],
)
def test_every_reason_of_our_own_is_explained(reason: str) -> None:
    assert sentences.has_words(reason)


@pytest.mark.parametrize("status", PaymentStatus.values)
def test_every_payment_state_has_words_and_a_colour(status: str) -> None:
    assert sentences.of_status(status, outcome_unknown=False)
    assert status in labels.PAYMENT


@pytest.mark.parametrize("state", AttemptState.values)
def test_every_attempt_state_has_words_and_a_colour(state: str) -> None:
    assert sentences.of_attempt(state)
    assert state in labels.ATTEMPT


def test_every_state_of_money_to_give_back_has_a_colour() -> None:
    assert set(SurplusState.values) == set(labels.SURPLUS)


@pytest.mark.parametrize("kind", OperatorTask.Kind.values)
def test_every_kind_of_task_says_what_to_do(kind: str) -> None:
    assert ADVICE[kind]


@pytest.mark.parametrize("code", sorted(DEFAULTS))
def test_every_decline_code_is_explained(code: str) -> None:
    assert sentences.of_reason(code) != code


def test_while_the_outcome_is_unknown_that_matters_more_than_the_state() -> None:
    words = sentences.of_status("processing", outcome_unknown=True)
    assert words == "The customer may or may not have been charged"


def test_a_lost_answer_and_a_look_up_that_proves_nothing_read_differently() -> None:
    lost = AuditEntry(action="attempt.unknown", before="sent")
    looked = AuditEntry(action="attempt.unknown", before="unknown")
    assert sentences.of_entry(lost).startswith("No usable answer came")
    assert sentences.of_entry(looked).startswith("The gateway was asked again")


def test_an_action_without_a_sentence_is_shown_as_it_is() -> None:
    assert sentences.of_entry(AuditEntry(action="payment.rhymed")) == "payment.rhymed"


def test_a_reason_keeps_its_machine_word_beside_the_words() -> None:
    assert sentences.of_reason("read_timeout") == "no answer within the time allowed (read_timeout)"
    assert sentences.of_reason("the customer called") == "the customer called"


def test_an_http_status_has_words_too() -> None:
    assert sentences.of_reason("status_500") == "the gateway answered with HTTP status 500 (status_500)"
    assert sentences.in_words("status_401") == "the gateway answered with HTTP status 401"
    assert sentences.in_words("closed") == "the gateway closed the connection without an answer"
    assert [sentences.in_words(word) for word in ("status_9000", "moon_phase")] == ["status_9000", "moon_phase"]


def test_the_detail_of_a_task_has_words_for_the_machine_word_in_it() -> None:
    detail = "No usable answer came: read_timeout. Its charge is ch_1. Read: timed out."
    assert sentences.of_task(detail) == (
        "No usable answer came: no answer within the time allowed (read_timeout). Its charge is ch_1. Read: timed out."
    )
    for text in ("Accepted for later at 2026-01-31 14:02:05 UTC.", "primary event evt_1: reason fraudulent, amount 5."):
        assert sentences.of_task(text) == text


def test_an_unmapped_decline_code_says_as_what_it_is_treated() -> None:
    expected = "moon_phase, unknown code, treated as (hard decline: this card will not work)"
    assert sentences.of_decline("moon_phase") == expected


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        ("client:3", "client Shop"),
        ("operator:anna", "operator anna"),
        ("operator:operator", "operator"),
        ("worker:settle-1", "settle loop settle-1"),
        ("gateway:primary", "gateway primary"),
        ("somebody", "somebody"),
    ],
)
def test_actors_are_named_in_words(actor: str, words: str) -> None:
    assert sentences.who(actor, "Shop") == words
