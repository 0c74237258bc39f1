"""How the console writes times, spans and sums."""

from datetime import UTC, datetime, timedelta

import pytest

from payments.admin.formats import ago, masked, span, sums, utc

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.9, "0 s"),
        (40, "40 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7260, "2 h 1 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_span_is_written_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_a_time_says_that_it_is_utc() -> None:
    assert utc(NOON) == "2026-01-31 12:00:00 UTC"
    assert utc(None) == "—"


def test_ago_counts_from_now() -> None:
    assert ago(NOON, NOON + timedelta(seconds=12)) == "12 s ago"
    assert ago(None, NOON) == "never"


def test_sums_are_exact_with_each_currencys_decimals() -> None:
    totals = {"USD": 2**53, "JPY": 1250, "KWD": 5}
    assert sums(totals) == ["1250 JPY", "0.005 KWD", "90071992547409.92 USD"]


@pytest.mark.parametrize(
    ("secret", "shown"), [("chk_3f9aQx7h2LmNp", "chk_3f…"), ("tok_success", "tok_…"), ("short", "shor…")]
)
def test_a_secret_is_cut_to_what_recognises_it(secret: str, shown: str) -> None:
    assert masked(secret) == shown
