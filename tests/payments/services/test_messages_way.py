"""One way out: how much is under way on it, and how it rests (requirement G7)."""

import pytest

from payments.services.messages_way import Pace, Result, Way
from payments.services.outbox import Write


def nothing() -> None:
    """What there is to write."""


def test_what_is_under_way_takes_room_until_it_has_ended() -> None:
    way = Way(2)
    first, second = way.taking(lambda: nothing), way.taking(lambda: nothing)
    assert way.room() == 0
    first()
    assert way.room() == 1
    second()
    assert way.room() == 2


def test_what_raises_gives_its_room_back() -> None:
    def raising() -> Write:
        raise KeyError

    way = Way(1)
    ask = way.taking(raising)
    with pytest.raises(KeyError):
        ask()
    assert way.room() == 1


def test_after_three_failures_it_rests_and_then_tries_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    way = Way(4)
    for _ in range(2):
        way.heard(Result("refused", is_down=True))
    assert way.room() == 4
    way.heard(Result("refused", is_down=True))
    assert way.room() == 0
    monkeypatch.setattr("payments.services.messages_way.time.monotonic", lambda: way._rests_until)
    assert way.room() == 1
    way.heard(Result())
    assert way.room() == 4


def test_a_message_that_is_refused_says_nothing_about_the_way() -> None:
    way = Way(4)
    for _ in range(5):
        way.heard(Result("no such address", is_final=True))
    assert way.room() == 4


def test_the_pace_is_kept_and_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now, may, asked = [100.0], [False], []
    monkeypatch.setattr("payments.services.messages_way.time.monotonic", lambda: now[0])

    def ask() -> bool:
        asked.append(now[0])
        return may[0]

    pace = Pace(ask)
    assert (pace.room(5), pace.room(5), asked) == (0, 0, [100.0])
    may[0], now[0] = True, 105.0
    assert pace.room(5) == 5
    pace.take(3)
    assert pace.room(5) == 2
    pace.take(2)
    assert pace.room(5) == 0
    now[0] = 106.0
    assert pace.room(5) == 5
