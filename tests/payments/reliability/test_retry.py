"""When to try again and when to ask: pure tables (requirement B4)."""

import itertools

import pytest

from payments.reliability.retry import LOOKS, PEOPLE_AFTER, Backoff, next_look


def middle() -> float:
    return 0.5


@pytest.mark.parametrize(
    ("age", "wait"),
    [(0, 5), (3.9, 1.1), (4, 11), (5, 10), (12, 18), (15, 15), (30, 30), (60, 60), (120, 180), (300, 600)]
    + [(900, 2700), (3600, 3600)],
)
def test_the_next_look_follows_the_schedule(age: float, wait: float) -> None:
    assert next_look(age, middle) == pytest.approx(max(wait, 1.0))


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
def test_looks_are_spread_by_a_fifth(chance: float, wait: float) -> None:
    assert next_look(0, lambda: chance) == pytest.approx(wait)


def test_asking_ends_after_seven_days() -> None:
    assert LOOKS[-1] == 7 * 24 * 3600
    assert next_look(7 * 24 * 3600, middle) is None


def test_looks_only_get_rarer() -> None:
    pauses = [later - earlier for earlier, later in itertools.pairwise(LOOKS)]
    assert list(LOOKS) == sorted(LOOKS)
    assert pauses[-1] == 6 * 3600


def test_people_are_asked_after_a_day() -> None:
    assert PEOPLE_AFTER == 86_400


@pytest.mark.parametrize(("retry", "most"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (9, 30)])
def test_back_off_doubles_up_to_its_cap_with_full_jitter(retry: int, most: float) -> None:
    assert Backoff().delay(retry, lambda: 1.0) == most
    assert Backoff().delay(retry, lambda: 0.0) == 0.0


def test_a_gateways_retry_after_is_the_least_wait() -> None:
    assert Backoff().delay(0, lambda: 1.0, at_least=90) == 90
