"""The loop that sends: sources do not wait for each other, and nothing that was asked goes unheard."""

import threading
from collections.abc import Sequence

import pytest

from payments.audit import Because
from payments.services.outbox import Ask, Outbox, Write, sources
from tests.payments.conftest import BECAUSE

pytestmark = pytest.mark.django_db(transaction=True)


class Rows:
    """A source with `count` rows, each of which takes until `gate` is open to be sent."""

    def __init__(self, count: int, gate: threading.Event | None = None) -> None:
        self.left, self.gate = count, gate
        self.written: list[int] = []
        self.most = 0
        self._under_way = 0

    def anything_due(self) -> bool:
        return self.left > 0

    def claim(self, limit: int, because: Because) -> Sequence[Ask]:
        asks = [self._ask(number) for number in range(min(limit, self.left))]
        self.left -= len(asks)
        self._under_way += len(asks)
        self.most = max(self.most, self._under_way)
        return asks

    def _ask(self, number: int) -> Ask:
        def ask() -> Write:
            if self.gate is not None:
                assert self.gate.wait(20)
            return lambda: self._write(number)

        return ask

    def _write(self, number: int) -> None:
        self._under_way -= 1
        self.written.append(number)


class Broken(Rows):
    """A source that cannot be claimed."""

    def claim(self, limit: int, because: Because) -> Sequence[Ask]:
        self.left = 0
        raise RuntimeError("no")


def test_everything_that_is_due_is_sent_and_written() -> None:
    one, other = Rows(10), Rows(3)
    outbox = Outbox(BECAUSE, [one, other], threads=4)
    outbox.drain()
    outbox.finish()
    assert (len(one.written), len(other.written)) == (10, 3)


def test_a_slow_source_leaves_threads_for_the_others() -> None:
    gate = threading.Event()
    slow, quick = Rows(20, gate), Rows(5)
    outbox = Outbox(BECAUSE, [slow, quick], threads=4)
    outbox.run(lambda: len(quick.written) < 5)
    assert (slow.written, slow.most) == ([], 3)
    gate.set()
    outbox.drain()
    outbox.finish()
    assert len(slow.written) == 20


def test_a_source_that_cannot_be_claimed_stops_no_other() -> None:
    quick = Rows(2)
    outbox = Outbox(BECAUSE, [Broken(1), quick], threads=2)
    outbox.drain()
    outbox.finish()
    assert len(quick.written) == 2


def test_what_cannot_be_written_stops_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows(3)
    whole = rows._write

    def write(number: int) -> None:
        whole(number)
        if len(rows.written) == 1:
            raise RuntimeError("no")

    monkeypatch.setattr(rows, "_write", write)
    outbox = Outbox(BECAUSE, [rows], threads=2)
    outbox.drain()
    outbox.finish()
    assert len(rows.written) == 3


def test_what_is_under_way_at_the_end_is_heard() -> None:
    gate = threading.Event()
    rows = Rows(2, gate)
    outbox = Outbox(BECAUSE, [rows], threads=4)
    turns = iter([True, False])
    outbox.run(lambda: next(turns))
    assert rows.written == []
    gate.set()
    outbox.finish()
    assert len(rows.written) == 2


def test_events_are_published_before_they_are_delivered() -> None:
    names = [getattr(source, "__name__", type(source).__name__) for source in sources()]
    services = ["payments.services.publish", "payments.services.deliveries", "payments.services.delivery_parts"]
    assert names == [*services, "Messages", "Notices"]
