"""Exact money (requirement A12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.money import EXPONENTS, MAX_MINOR, Money, MoneyError, decimal_text, exponent, parse_minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("100.00", "USD", 10000),
        ("100", "USD", 10000),
        ("0.5", "USD", 50),
        ("0.05", "EUR", 5),
        ("1250", "JPY", 1250),
        ("1.250", "KWD", 1250),
        ("1.2", "KWD", 1200),
        ("-1", "USD", -100),
        ("0", "USD", 0),
    ],
)
def test_a_plain_decimal_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *[(text, "USD") for text in ("10.005", "1e3", "1E3", "1e400", "+5", "", " 5", "5 ", ".5", "5.", "0x10", "1,5")],
        *[(text, "USD") for text in ("NaN", "Infinity", "01", "--1", "١", "1_000", "9" * 5000, "99999999999999999")],
        ("10.0", "JPY"),
        ("10.00", "JPY"),
        ("1.2345", "KWD"),
        ("90071992547409.92", "USD"),
    ],
)
def test_anything_else_is_refused(text: str, currency: str) -> None:
    with pytest.raises(MoneyError):
        parse_minor(text, currency)


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(MoneyError):
        exponent("XXX")


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(5, "USD", "0.05"), (100, "USD", "1.00"), (7, "JPY", "7"), (1, "KWD", "0.001"), (-5, "USD", "-0.05")],
)
def test_minor_units_are_written_with_the_currencys_decimals(minor: int, currency: str, text: str) -> None:
    assert decimal_text(minor, currency) == text


def test_money_reads_as_amount_and_currency() -> None:
    assert str(Money(1250, "KWD")) == "1.250 KWD"


@given(minor=st.integers(-MAX_MINOR, MAX_MINOR), currency=st.sampled_from(sorted(EXPONENTS)))
def test_writing_and_reading_again_changes_nothing(minor: int, currency: str) -> None:
    assert parse_minor(decimal_text(minor, currency), currency) == minor
