"""Text from outside: on one line, without control characters, card numbers or secrets, and short (requirement F6)."""

import pytest

from payments.gateways.text import sanitised


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("line one\r\nline two\tend", "line one line two end"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("nul\x00 and lone \ud800 surrogate", "nul and lone surrogate"),
        ("zero\u200bwidth \u202eturned", "zerowidth turned"),
        ("pan 4242424242424242!", "pan [number removed]!"),
        ("pan 3782-822463-10005", "pan [number removed]"),
        ("pan 4000 0025 0000 3155", "pan [number removed]"),
        ("twelve 123456789012", "twelve [number removed]"),
        ("nineteen 1234567890123456789", "nineteen [number removed]"),
        ("eleven 12345678901", "eleven 12345678901"),
        ("key sk_test_abcdef123", "key [secret removed]"),
        ("whsec_ab/cd+ef0123456789== said it", "[secret removed] said it"),
        ("a key psk_test_ab-cd_ef12", "a key [secret removed]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [secret removed]"),
        ("naïve café ¥1000", "naïve café ¥1000"),
    ],
)
def test_it_shows_only_what_is_safe(text: str, shown: str) -> None:
    assert sanitised(text) == shown


def test_it_is_at_most_500_characters() -> None:
    assert len(sanitised("x" * 1_000_000)) == 500


def test_a_number_at_the_cut_is_still_removed() -> None:
    assert "4242" not in sanitised("x" * 490 + " 4242424242424242")
