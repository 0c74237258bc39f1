"""Untrue answers are found in the clients' histories: invariants 14, 15, 17, 18 and 42."""

import json
from typing import Any

import pytest

from tests.invariants.conftest import Broken
from tests.invariants.made_up import MadeUp
from tests.invariants.made_up_told import accepted, problem

ANOTHER = {"amount": 11, "currency": "USD"}


@pytest.mark.parametrize(
    ("status", "change"),
    [(202, {"paymentID": "pay_late"}), (202, {"amountMinor": 999}), (202, {"currency": "EUR"}), (200, {})],
)
def test_a_replay_that_says_something_else_breaks_invariant_14(
    shop: MadeUp, broken: Broken, status: int, change: dict[str, Any]
) -> None:
    shop.answer("key-paid", status, accepted("paid") | change, replayed=True)
    assert broken(quiet=False) == {14}


def test_a_replay_with_the_status_of_now_breaks_nothing(shop: MadeUp, broken: Broken) -> None:
    shop.answer("key-paid", 202, accepted("paid") | {"status": "success"}, replayed=True)
    assert broken() == set()


def test_a_replay_that_does_not_say_so_breaks_invariant_14(shop: MadeUp, broken: Broken) -> None:
    shop.answer("key-paid", 202, accepted("paid"))
    assert broken(quiet=False) == {14}


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_repeat_refused_after_it_was_accepted_breaks_invariant_14(shop: MadeUp, broken: Broken, status: int) -> None:
    shop.answer("key-paid", status, problem(status))
    assert broken(quiet=False) == {14}


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_repeat_that_was_not_looked_at_breaks_nothing(shop: MadeUp, broken: Broken, status: int) -> None:
    shop.answer("key-paid", status, problem(status))
    assert broken() == set()


def test_another_request_accepted_under_a_key_breaks_invariant_15(shop: MadeUp, broken: Broken) -> None:
    shop.answer("key-paid", 202, accepted("paid"), request=ANOTHER, replayed=True)
    assert broken(quiet=False) == {15}


def test_another_request_refused_in_other_words_breaks_invariant_15(shop: MadeUp, broken: Broken) -> None:
    shop.answer("key-paid", 409, problem(409), request=ANOTHER)
    assert broken(quiet=False) == {15}


@pytest.mark.parametrize("payment", ["pay_nowhere", None])
def test_an_accepted_payment_that_is_not_there_breaks_invariant_17(
    shop: MadeUp, broken: Broken, payment: str | None
) -> None:
    shop.answer("key-new", 202, accepted("paid") | {"paymentID": payment})
    assert broken(quiet=False) == set()
    assert broken() == {17}


def test_an_answer_without_a_document_breaks_invariant_17(shop: MadeUp, broken: Broken) -> None:
    shop.answer("key-new", 202, None)
    assert broken() == {17}


@pytest.mark.parametrize("change", [{"amountMinor": 999}, {"currency": "EUR"}])
def test_an_accepted_payment_of_another_amount_breaks_invariant_17(
    shop: MadeUp, broken: Broken, change: dict[str, Any]
) -> None:
    shop.answer("key-late", 202, accepted("late") | change)
    assert broken() == {17}


def test_an_accepted_payment_of_another_shop_breaks_invariant_17(shop: MadeUp, broken: Broken) -> None:
    shop.answer("key-late", 202, accepted("late"))
    assert broken() == set()
    shop.sql(
        "INSERT INTO payments_client"
        " (slug, name, support_email, technical_email, form_secret, return_origins, is_active, id)"
        " VALUES ('other', 'Other', '', '', '', '[]', 1, 2)"
    )
    line = {"at": shop.clock, "client": "other", "key": "key-late", "request": {}, "status": 202, "replayed": False}
    (shop.folder / "other.jsonl").write_text(json.dumps(line | {"body": accepted("late")}) + "\n")
    assert broken() == {17}


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429])
def test_a_refused_request_that_made_a_payment_breaks_invariant_18(shop: MadeUp, broken: Broken, status: int) -> None:
    shop.answer("key-late", status, problem(status))
    assert broken(quiet=False) == set()
    assert broken() == {18}


def test_a_refused_request_that_was_recorded_breaks_invariant_18(shop: MadeUp, broken: Broken) -> None:
    shop.record("key-joined", "pay_late", client_id=1, request_hash="hash-late")
    shop.answer("key-joined", 409, problem(409))
    assert broken() == {18}


@pytest.mark.parametrize("status", [None, 503])
def test_a_refusal_besides_an_answer_that_says_nothing_breaks_nothing(
    shop: MadeUp, broken: Broken, status: int | None
) -> None:
    shop.answer("key-late", status, problem(503) if status else None)
    shop.answer("key-late", 409, problem(409))
    assert broken() == set()


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_breaks_invariant_42(shop: MadeUp, broken: Broken, status: int) -> None:
    shop.answer("key-new", status, problem(status))
    assert broken(quiet=False) == {42}


@pytest.mark.parametrize("body", [None, {}, {**problem(503), "code": None, "status": 500}, "Service Unavailable"])
def test_an_error_that_is_no_problem_document_breaks_invariant_42(shop: MadeUp, broken: Broken, body: Any) -> None:
    shop.answer("key-new", 503, body)
    assert broken(quiet=False) == {42}


def test_a_line_that_was_cut_when_its_client_was_killed_is_no_evidence(shop: MadeUp, broken: Broken) -> None:
    with (shop.folder / "clients.jsonl").open("a") as history:
        history.write('{"at": 1767225600.0, "client": "de')
    assert broken() == set()
