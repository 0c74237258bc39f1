"""What a person types into the card form, and the kind words that come back."""

import re
from datetime import UTC, datetime

import pytest

from payments.gateways.sandbox.cards import TEST_CARDS, Card, CardErrors, luhn, read_card
from payments.gateways.sandbox.fingerprints import of_number
from payments.gateways.sandbox.scenarios import SCENARIOS

KEY = b"key of the vault"
NOW = datetime(2030, 6, 15, tzinfo=UTC)


def read(number: str = "4242 4242 4242 4242", expiry: str = "12/30", cvc: str = "123") -> Card | CardErrors:
    return read_card(number=number, expiry=expiry, cvc=cvc, now=NOW, key=KEY)


def card(scenario: str, brand: str, number: str) -> Card:
    return Card(scenario, brand, number[-4:], of_number(KEY, number))


def test_every_scenario_has_a_test_card_and_every_card_a_scenario() -> None:
    assert set(TEST_CARDS.values()) == set(SCENARIOS)


@pytest.mark.parametrize("number", TEST_CARDS)
def test_every_test_card_passes_the_luhn_check_and_its_neighbour_does_not(number: str) -> None:
    assert luhn(number)
    assert not luhn(number[:-1] + str((int(number[-1]) + 1) % 10))


@pytest.mark.parametrize(
    "number", ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", " 4242424242424242 "]
)
def test_spaces_and_hyphens_in_a_number_do_not_matter(number: str) -> None:
    assert read(number=number) == card("tok_success", "visa", "4242424242424242")


def test_the_brand_follows_from_the_number() -> None:
    assert read(number="5555555555554444") == card("tok_success", "mastercard", "5555555555554444")
    assert read(number="378282246310005", cvc="1234") == card("tok_success", "amex", "378282246310005")


def test_a_fingerprint_is_the_cards_alone_and_tells_nothing_without_the_key() -> None:
    prints = [of_number(KEY, number) for number in TEST_CARDS]
    assert len(set(prints)) == len(TEST_CARDS)
    assert all(re.fullmatch(r"fp_[0-9a-f]{24}", each) for each in prints)
    assert of_number(b"another key", "4242424242424242") not in prints


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("", "Please enter the card number."),
        ("4242 x", "A card number has digits only. Please check it."),
        ("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "A card number has digits only. Please check it."),
        ("4242", "That card number is not complete. Please check it."),
        ("4" * 20, "That card number is not complete. Please check it."),
        ("4242424242424241", "That is not quite a card number. Is a digit wrong?"),
        ("4111111111111111", "This is a sandbox: please use one of its test cards, never a real one."),
    ],
)
def test_a_number_that_cannot_be_used_is_explained(number: str, message: str) -> None:
    assert read(number=number) == CardErrors(number=message)


@pytest.mark.parametrize("expiry", ["06/30", "6/2030".rjust(7, "0"), "0630", "06 / 30", "12-2059"])
def test_an_expiry_date_that_is_not_over_is_taken(expiry: str) -> None:
    assert isinstance(read(expiry=expiry), Card)


@pytest.mark.parametrize(
    ("expiry", "message"),
    [
        ("", "Please enter the expiry date."),
        ("13/30", "Please enter the expiry date as month and year, like 12/30."),
        ("00/30", "Please enter the expiry date as month and year, like 12/30."),
        ("1/3", "Please enter the expiry date as month and year, like 12/30."),
        ("ab/cd", "Please enter the expiry date as month and year, like 12/30."),
        ("05/30", "That card has expired. Please use another one."),
        ("01/2061", "That year is too far away. Please check it."),
    ],
)
def test_an_expiry_date_that_cannot_be_is_explained(expiry: str, message: str) -> None:
    assert read(expiry=expiry) == CardErrors(expiry=message)


@pytest.mark.parametrize(
    ("number", "cvc", "message"),
    [
        ("4242424242424242", "", "Please enter the security code."),
        ("4242424242424242", "12", "The security code has 3 digits."),
        ("4242424242424242", "1234", "The security code has 3 digits."),
        ("4242424242424242", "abc", "The security code has 3 digits."),
        ("378282246310005", "123", "The security code has 4 digits."),
    ],
)
def test_a_security_code_that_cannot_be_is_explained(number: str, cvc: str, message: str) -> None:
    assert read(number=number, cvc=cvc) == CardErrors(cvc=message)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    errors = read(number="", expiry="", cvc="")
    assert isinstance(errors, CardErrors)
    assert errors.number
    assert errors.expiry
    assert errors.cvc
