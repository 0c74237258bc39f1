"""The ladder as a table, and what no history can make it do (requirements B7, B8; invariant 2)."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.declines import DEFAULTS, UNMAPPED, Decline, DeclineClass
from payments.reliability.ladder import (
    ANOTHER_GATEWAY,
    ANOTHER_WAY,
    AUTHENTICATED,
    FIRST,
    KINDLY,
    LATER,
    PROVEN_UNCHARGED,
    End,
    Next,
    Tried,
    UnprovenError,
    next_step,
)
from payments.states import AttemptState

DOCUMENT: Final = Path(__file__).resolve().parents[3] / "docs" / "ladder.md"
P, S, T = "primary", "secondary", "third"
UNPROVEN = sorted(set(AttemptState) - set(PROVEN_UNCHARGED))
ENDS = sorted(code for code, meaning in DEFAULTS.items() if meaning.decline_class in {"hard", "fraud"})
CLASSES = {each: [code for code, meaning in DEFAULTS.items() if meaning.decline_class is each] for each in DeclineClass}


def declined(code: str, gateway: str = P, number: int = 1, **more: Any) -> Tried:
    return Tried(number, gateway, "declined", code, DEFAULTS.get(code, UNMAPPED), **more)


def not_charged(state: str = "not_sent", gateway: str = P, number: int = 1, **more: Any) -> Tried:
    return Tried(number, gateway, state, "refused", **more)


# What happened → the gateways that may be tried, whether the bank is asked, whether it waits. Two gateways, P first.
STEPS: list[tuple[str, list[Tried], tuple[tuple[str, ...], bool, bool]]] = [
    ("nothing yet", [], ((P, S), False, False)),
    ("not sent", [not_charged()], ((S, P), False, False)),
    ("proven not found", [not_charged("not_found")], ((S, P), False, False)),
    ("voided", [not_charged("voided")], ((S, P), False, False)),
    ("not sent to both", [not_charged(), not_charged(gateway=S, number=2)], ((P, S), False, True)),
    ("soft, curable", [declined("generic_decline")], ((P, S), True, False)),
    ("soft, curable too", [declined("do_not_honor")], ((P, S), True, False)),
    ("soft, not curable", [declined("issuer_unavailable")], ((S, P), False, True)),
    ("soft after the bank was asked", [declined("do_not_honor", asked_bank=True)], ((S, P), False, True)),
    (
        "soft after the bank was asked before",
        [declined("do_not_honor", asked_bank=True), declined("do_not_honor", S, 2)],
        ((P, S), False, True),
    ),
    ("authentication", [declined("authentication_required")], ((P,), True, False)),
    (
        "the question for the bank was not sent",
        [declined("do_not_honor"), not_charged(number=2, asked_bank=True)],
        ((S, P), True, False),
    ),
    ("processing", [declined("processing_error")], ((S, P), False, True)),
    ("processing at the second", [not_charged(), declined("not_processed", S, 2)], ((P, S), False, True)),
]

# What happened → level, code.
ENDINGS: list[tuple[str, list[Tried], tuple[int, str]]] = [
    ("rejected", [not_charged("rejected")], (KINDLY, "gateway_rejected")),
    ("3-D Secure failed", [declined("3ds_failed", asked_bank=True)], (ANOTHER_WAY, "3ds_failed")),
    ("3-D Secure expired", [declined("3ds_expired", asked_bank=True)], (ANOTHER_WAY, "3ds_expired")),
    ("the customer canceled", [declined("customer_canceled", asked_bank=True)], (ANOTHER_WAY, "customer_canceled")),
    (
        "the bank was asked and asks again",
        [declined("authentication_required", asked_bank=True)],
        (ANOTHER_WAY, "authentication_required"),
    ),
    ("the network forbids it", [declined("do_not_honor", never_again=True)], (ANOTHER_WAY, "network_limit")),
    ("the network forbids ours", [declined("processing_error", never_again=True)], (ANOTHER_WAY, "network_limit")),
    ("unmapped", [declined("made_up_yesterday")], (ANOTHER_WAY, "made_up_yesterday")),
    *((f"final: {code}", [declined(code)], (ANOTHER_WAY, code)) for code in ENDS),
    *((f"final at the second: {code}", [not_charged(), declined(code, S, 2)], (ANOTHER_WAY, code)) for code in ENDS),
]


@pytest.mark.parametrize(("tried", "wanted"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_what_is_tried_next(tried: list[Tried], wanted: tuple[tuple[str, ...], bool, bool]) -> None:
    step = next_step(tried, (P, S))
    assert isinstance(step, Next)
    assert (step.gateways, step.three_d_secure, step.backs_off) == wanted


@pytest.mark.parametrize(("tried", "wanted"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS])
def test_where_it_ends(tried: list[Tried], wanted: tuple[int, str]) -> None:
    step = next_step(tried, (P, S))
    assert isinstance(step, End)
    assert (step.level, step.code) == wanted


@pytest.mark.parametrize("state", UNPROVEN)
@pytest.mark.parametrize("code", [None, *sorted(DEFAULTS)])
def test_nothing_follows_an_attempt_that_may_have_charged(state: str, code: str | None) -> None:
    """Whatever a rule of the decline map says about its code."""
    meaning = DEFAULTS[code] if code else None
    unproven = Tried(1, P, state, code or "read_timeout", meaning)
    with pytest.raises(UnprovenError):
        next_step([unproven], (P, S))
    with pytest.raises(UnprovenError):
        next_step([unproven, declined("issuer_unavailable", S, 2)], (P, S))
    with pytest.raises(UnprovenError):
        next_step([unproven], ())


def test_the_states_that_prove_nothing_are_these() -> None:
    assert UNPROVEN == ["action_required", "sent", "succeeded", "unknown", "unresolved"]


@pytest.mark.parametrize("code", ["unknown", "read_timeout", "connection_reset", "timeout", "server_error"])
def test_a_rule_for_a_code_like_unknown_moves_no_unknown_attempt(code: str) -> None:
    rule = Decline(
        DeclineClass.PROCESSING, code, "Words.", retryable=True, needs_another_card=False, internal_message=""
    )
    with pytest.raises(UnprovenError):
        next_step([Tried(1, P, "unknown", code, rule)], (P, S))


@pytest.mark.parametrize(
    ("tried", "wanted"),
    [
        ([not_charged()], (S,)),
        ([declined("issuer_unavailable")], (S,)),
        ([declined("generic_decline")], (S,)),
        ([declined("processing_error")], (S,)),
    ],
)
def test_a_gateway_that_left_the_settings_is_not_tried_again(tried: list[Tried], wanted: tuple[str, ...]) -> None:
    step = next_step(tried, (S,))
    assert isinstance(step, Next)
    assert (step.gateways, step.three_d_secure) == (wanted, False)


def test_only_the_gateway_that_asked_for_the_bank_may_ask_it() -> None:
    step = next_step([declined("authentication_required")], (S,))
    assert (isinstance(step, End) and step.level) == ANOTHER_WAY


@pytest.mark.parametrize(
    "tried", [[], [not_charged()], [declined("issuer_unavailable")], [declined("processing_error")]]
)
def test_without_any_gateway_it_ends_kindly(tried: list[Tried]) -> None:
    assert next_step(tried, ()) == End(KINDLY, "no_gateway", "no gateway takes this payment")


def test_a_final_decline_is_the_cards_fault_even_where_no_gateway_is_left() -> None:
    step = next_step([declined("stolen_card")], ())
    assert (isinstance(step, End) and step.level) == ANOTHER_WAY


@pytest.mark.parametrize("code", CLASSES[DeclineClass.FRAUD])
def test_why_it_ended_names_no_reason_of_fraud(code: str) -> None:
    assert next_step([declined(code)], (P, S)) == End(ANOTHER_WAY, code, "primary declined: fraud")


@pytest.mark.parametrize(
    ("gateway", "asks_bank", "level"), [(P, False, 1), (S, False, 3), (T, False, 3), (P, True, 2), (S, True, 3)]
)
def test_the_level_of_a_try(gateway: str, asks_bank: bool, level: int) -> None:
    assert Next((P, S, T), "why", three_d_secure=asks_bank).level_at(gateway, first=P) == level


def test_each_of_three_gateways_gets_its_turn() -> None:
    tried: list[Tried] = []
    for number in range(1, 7):
        step = next_step(tried, (P, S, T))
        assert isinstance(step, Next)
        tried.append(not_charged(gateway=step.gateways[0], number=number))
    assert [each.gateway for each in tried] == [P, S, T, P, S, T]


@pytest.mark.parametrize("state", sorted(AttemptState))
def test_the_document_says_what_each_state_proves(state: str) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (yes|no) \|$", DOCUMENT.read_text(), flags=re.MULTILINE))
    try:
        goes_on = isinstance(next_step([Tried(1, P, state, "reason")], (P, S)), Next)
    except UnprovenError:
        goes_on = False
    assert rows[state] == ("yes" if goes_on else "no")
    assert rows.keys() == {str(each) for each in AttemptState}


def test_the_document_has_the_levels() -> None:
    levels = re.findall(r"^\| ([0-9]) \| ", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert [int(level) for level in levels] == [FIRST, AUTHENTICATED, ANOTHER_GATEWAY, LATER, ANOTHER_WAY, KINDLY]


# Whatever happens.

GATEWAYS = st.lists(st.sampled_from([P, S, T]), unique=True, max_size=3)
MEANINGS = st.builds(
    Decline,
    st.sampled_from(DeclineClass),
    st.just("code"),
    st.just("Words."),
    retryable=st.booleans(),
    needs_another_card=st.booleans(),
    internal_message=st.just(""),
    three_d_secure=st.booleans(),
)
TRIES = st.builds(
    Tried,
    st.integers(1, 9),
    st.sampled_from([P, S, T, "gone"]),
    st.sampled_from(AttemptState),
    st.just("reason"),
    st.none() | MEANINGS,
    asked_bank=st.booleans(),
    never_again=st.booleans(),
)


@given(st.lists(TRIES, max_size=5), GATEWAYS)
def test_a_step_needs_proof_of_every_attempt_and_stays_among_the_gateways(tried: list[Tried], names: list[str]) -> None:
    if any(each.state not in PROVEN_UNCHARGED for each in tried):
        with pytest.raises(UnprovenError):
            next_step(tried, names)
        return
    step = next_step(tried, names)
    if isinstance(step, Next):
        assert step.gateways
        assert set(step.gateways) <= set(names)
        assert len(set(step.gateways)) == len(step.gateways)
    else:
        assert step.level in {ANOTHER_WAY, KINDLY}
        assert step.code


@given(st.lists(TRIES, max_size=4), TRIES, GATEWAYS)
def test_a_final_decline_ends_at_level_5(tried: list[Tried], last: Tried, names: list[str]) -> None:
    proven = [replace(each, state=AttemptState.DECLINED) for each in tried]
    for meaning in (DEFAULTS["expired_card"], DEFAULTS["stolen_card"], UNMAPPED):
        step = next_step([*proven, replace(last, state=AttemptState.DECLINED, decline=meaning)], names)
        assert (isinstance(step, End) and step.level) == ANOTHER_WAY


@settings(max_examples=200)
@given(st.data(), GATEWAYS.filter(bool))
def test_the_bank_is_asked_once_on_any_way_down(data: st.DataObject, names: list[str]) -> None:
    """Walks down with answers drawn by chance; a question that was not sent may be put again."""
    tried: list[Tried] = []
    for number in range(1, 9):
        step = next_step(tried, names)
        if isinstance(step, End):
            return
        if step.three_d_secure:
            assert not _was_asked(tried)
        tried.append(_answer(data, number, step))


def _was_asked(tried: Sequence[Tried]) -> bool:
    return any(each.asked_bank and each.state != AttemptState.NOT_SENT for each in tried)


def _answer(data: st.DataObject, number: int, step: Next) -> Tried:
    state = data.draw(st.sampled_from([AttemptState.DECLINED, AttemptState.NOT_SENT, AttemptState.NOT_FOUND]))
    meaning = data.draw(MEANINGS) if state == AttemptState.DECLINED else None
    gateway = data.draw(st.sampled_from(step.gateways))
    return Tried(number, gateway, state, "reason", meaning, asked_bank=step.three_d_secure)
