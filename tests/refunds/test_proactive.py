"""The policy for complaints at its limits (requirement D4)."""

import dataclasses

import pytest

from payments.money import Money
from refunds.models import Complaint
from refunds.proactive import Case, Customer, Decision, History, Policy, decide, one_spelling

GOOD = History(paid_orders=5, refunds=0, open_disputes=0, lost_disputes=0, granted=0)
# 50 units each, as the settings have it, in cents, yen and fils.
UNITS = {"USD": 100, "JPY": 1, "KWD": 1000}


def policy(currency: str = "USD") -> Policy:
    unit = UNITS[currency]
    return Policy(limit=50 * unit, budget=500 * unit, times=1, days=90, fee=15 * unit)


def case(minor: int = 3000, currency: str = "USD", history: History | None = GOOD, spent: int = 0) -> Case:
    return Case(Money(minor, currency), lost_here=False, history=history, spent=spent)


@pytest.mark.parametrize(
    ("minor", "currency", "refunded"),
    [
        (4999, "USD", True),
        (5000, "USD", False),
        (5001, "USD", False),
        (1, "USD", True),
        (49, "JPY", True),
        (50, "JPY", False),
        (49_999, "KWD", True),
        (50_000, "KWD", False),
    ],
)
def test_only_what_is_strictly_below_the_limit_is_refunded_at_once(minor: int, currency: str, refunded: bool) -> None:
    assert decide(case(minor, currency), policy(currency)).refund is refunded


def test_the_reason_names_the_amounts_exactly() -> None:
    assert decide(case(4999), policy()) == Decision(
        refund=True, why="49.99 USD is below the limit of 50.00 USD, and within the day's budget."
    )
    assert decide(case(50_000, "KWD"), policy("KWD")).why == "50.000 KWD is not below the limit of 50.000 KWD."
    assert decide(case(50, "JPY"), policy("JPY")).why == "50 JPY is not below the limit of 50 JPY."


def test_a_currency_without_a_limit_always_goes_to_people() -> None:
    assert not decide(case(1), dataclasses.replace(policy(), limit=0)).refund


@pytest.mark.parametrize(("spent", "refunded"), [(0, True), (47_000, True), (47_001, False), (50_000, False)])
def test_the_budget_can_be_used_up_to_its_last_cent(spent: int, refunded: bool) -> None:
    decision = decide(case(3000, spent=spent), policy())
    assert decision.refund is refunded
    if not refunded:
        assert decision.why == "The day's budget of 500.00 USD does not cover 30.00 USD any more."
        assert decision.advice.startswith("Refund, if the complaint is credible")


@pytest.mark.parametrize(("granted", "times", "refunded"), [(0, 1, True), (1, 1, False), (1, 2, True), (2, 2, False)])
def test_a_customer_is_refunded_so_often_and_not_more(granted: int, times: int, refunded: bool) -> None:
    history = dataclasses.replace(GOOD, granted=granted)
    decision = decide(case(history=history), dataclasses.replace(policy(), times=times))
    assert decision.refund is refunded
    if not refunded:
        often = "once" if granted == 1 else "2 times"
        assert decision.why == f"The customer was refunded like this {often} within 90 days."
        assert decision.advice.startswith("Look closely before you refund: much of what")


def test_a_customer_whom_nobody_names_goes_to_people() -> None:
    decision = decide(case(history=None), policy())
    assert (decision.refund, decision.why) == (False, "Nobody names the customer of this order.")
    assert decision.advice.startswith("Find out who complains first.")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"lost_disputes": 1}, "The customer won a dispute against the shop before."),
        ({"open_disputes": 1}, "The customer disputes another order."),
    ],
)
def test_a_customer_who_disputes_goes_to_people(change: dict[str, int], why: str) -> None:
    decision = decide(case(history=dataclasses.replace(GOOD, **change)), policy())
    assert (decision.refund, decision.why) == (False, why)
    assert decision.advice.startswith("Look closely before you refund: the customer takes disputes to the bank.")


def test_a_dispute_lost_about_the_same_order_goes_to_people_and_is_told_once() -> None:
    found = dataclasses.replace(case(history=dataclasses.replace(GOOD, lost_disputes=1)), lost_here=True)
    decision = decide(found, policy())
    assert (decision.refund, decision.why) == (False, "A dispute about this order was lost before.")


def test_every_reason_is_told() -> None:
    history = dataclasses.replace(GOOD, lost_disputes=1, granted=2)
    assert decide(case(5000, history=history), policy()).why == (
        "50.00 USD is not below the limit of 50.00 USD. The customer won a dispute against the shop before. "
        "The customer was refunded like this 2 times within 90 days."
    )


def test_the_advice_compares_a_refund_with_a_lost_dispute() -> None:
    assert decide(case(6000), policy()).advice == (
        "Refund, if the complaint is credible: the customer has no bad history. "
        "A refund costs 60.00 USD, a lost dispute 75.00 USD (a fee of 15.00 USD is in it)."
    )


@pytest.mark.parametrize(("refunds", "advice"), [(2, "Refund,"), (3, "Look closely")])
def test_who_was_refunded_more_than_every_second_order_is_looked_at(refunds: int, advice: str) -> None:
    history = dataclasses.replace(GOOD, paid_orders=4, refunds=refunds)
    assert decide(case(6000, history=history), policy()).advice.startswith(advice)


@pytest.mark.parametrize(
    "name", ["José", "JOSÉ", "JOSE\u0301", "jose\u0301", " José ", "\uff2a\uff2f\uff33\u00c9"], ids=ascii
)
def test_all_spellings_of_a_name_have_one_in_common(name: str) -> None:
    assert one_spelling(name) == "jos\u00e9"


@pytest.mark.parametrize(
    "name", ["Stra\u00dfe", "\u0130stanbul", "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u1f84\u0345"], ids=ascii
)
def test_the_one_spelling_is_its_own(name: str) -> None:
    assert one_spelling(one_spelling(name)) == one_spelling(name.upper()) == one_spelling(name)


def test_a_name_that_grows_by_its_compatibility_form_fits_into_its_column() -> None:
    assert len(one_spelling("\ufdfa" * 64)) == Complaint._meta.get_field("customer").max_length == 320


@pytest.mark.parametrize(
    ("reference", "email", "expected"),
    [
        ("Cust-1", "Anna@Shop.test", Customer("cust-1", "anna@shop.test")),
        ("", "Anna@Shop.test", Customer("anna@shop.test", "anna@shop.test")),
        ("Cust-1", "", Customer("cust-1", "")),
        ("", "", Customer("", "")),
    ],
)
def test_a_customer_is_known_by_reference_or_else_by_address(reference: str, email: str, expected: Customer) -> None:
    assert Customer.of(reference, email) == expected
