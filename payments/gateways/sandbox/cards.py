"""The test cards, and the checks of what a person types: Luhn, expiry and security code, with kind messages.

Real card numbers are refused, and no number is kept: what leaves this module is a scenario, a brand, four digits and a
fingerprint.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from payments.gateways.sandbox import fingerprints
from payments.gateways.sandbox.scenarios import SCENARIOS

# Number → scenario. Shown on the card page.
TEST_CARDS: Final[dict[str, str]] = {
    "4242424242424242": "tok_success",
    "5555555555554444": "tok_success",
    "378282246310005": "tok_success",
    "4000002500003155": "tok_authentication_required",
    "4000000000000002": "tok_generic_decline",
    "4000000000009995": "tok_insufficient_funds",
    "4000000000000069": "tok_expired_card",
    "4000000000009987": "tok_lost_card",
    "4000000000009979": "tok_stolen_card",
    "4100000000000019": "tok_fraud_detected",
    "4000000000000119": "tok_processing_error",
    "4000000000100018": "tok_issuer_unavailable",
    "4000000000100026": "tok_try_again_later",
    "4000000000100034": "tok_do_not_honor",
    "4000000000100042": "tok_velocity",
    "4000000000100059": "tok_3ds_failed",
    "4000000000100067": "tok_invalid_number",
    "4000000000100075": "tok_card_not_supported",
    "4000000000100083": "tok_account_closed",
    "4000000000100091": "tok_pickup_card",
    "4000000000100109": "tok_blocklist",
    "4000000000100117": "tok_rate_limit",
    "4000000000100125": "tok_slow",
    "4000000000100133": "tok_charged_no_answer",
    "4000000000100141": "tok_not_charged_no_answer",
    "4000000000100158": "tok_charged_then_500",
    "4000000000100166": "tok_500",
    "4000000000100174": "tok_429",
    "4000000000100182": "tok_wrong_amount",
    "4000000000100190": "tok_do_not_try_again",
    "4000000000100208": "tok_authentication_required_decline",
}
_BRANDS: Final = (("34", "amex"), ("37", "amex"), ("4", "visa"), ("5", "mastercard"))


@dataclass(frozen=True, slots=True)
class Card:
    """A test card, without its number."""

    scenario: str
    brand: str
    last4: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class CardErrors:
    """What to tell the person, per field (`number`, `expiry`, `cvc`); at least one is not empty."""

    number: str = ""
    expiry: str = ""
    cvc: str = ""

    def first(self) -> tuple[str, str]:
        """Return the first field with an error, and the error."""
        fields = (("number", self.number), ("expiry", self.expiry), ("cvc", self.cvc))
        return next((name, message) for name, message in fields if message)


def read_card(*, number: str, expiry: str, cvc: str, now: datetime, key: bytes) -> Card | CardErrors:
    """Check what a person typed into the three fields; `now` (aware) decides what has expired.

    key: of the vault, which makes the card's fingerprint.
    """
    digits = "".join(number[:50].replace("-", " ").split())
    number_error = _number_error(digits)
    brand = _brand(digits)
    errors = CardErrors(number_error, _expiry_error(expiry, now), _cvc_error(cvc.strip(), brand))
    if errors != CardErrors():
        return errors
    return Card(TEST_CARDS[digits], brand, digits[-4:], fingerprints.of_number(key, digits))


def meanings() -> list[tuple[str, str]]:
    """Return every test card, grouped as printed on cards, with what it does."""
    return [(_grouped(number), SCENARIOS[scenario].meaning) for number, scenario in TEST_CARDS.items()]


def luhn(digits: str) -> bool:
    """Say whether the check digit is right (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _number_error(digits: str) -> str:
    if not digits:
        return "Please enter the card number."
    if not (digits.isascii() and digits.isdigit()):
        return "A card number has digits only. Please check it."
    if not 12 <= len(digits) <= 19:
        return "That card number is not complete. Please check it."
    if not luhn(digits):
        return "That is not quite a card number. Is a digit wrong?"
    if digits not in TEST_CARDS:
        return "This is a sandbox: please use one of its test cards, never a real one."
    return ""


def _expiry_error(text: str, now: datetime) -> str:
    digits = "".join(character for character in text[:20] if character not in " /-")
    if not digits:
        return "Please enter the expiry date."
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in {4, 6} or not 1 <= int(digits[:2]) <= 12:
        return "Please enter the expiry date as month and year, like 12/30."
    year = int(digits[2:]) if len(digits) == 6 else 2000 + int(digits[2:])
    today = now.astimezone(UTC)
    if (year, int(digits[:2])) < (today.year, today.month):
        return "That card has expired. Please use another one."
    if year > today.year + 30:
        return "That year is too far away. Please check it."
    return ""


def _cvc_error(cvc: str, brand: str) -> str:
    if not cvc:
        return "Please enter the security code."
    length = 4 if brand == "amex" else 3
    if not (cvc.isascii() and cvc.isdigit() and len(cvc) == length):
        return f"The security code has {length} digits."
    return ""


def _brand(digits: str) -> str:
    return next((brand for prefix, brand in _BRANDS if digits.startswith(prefix)), "card")


def _grouped(number: str) -> str:
    if len(number) == 15:
        return f"{number[:4]} {number[4:10]} {number[10:]}"
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))
