"""The ledger file: what is said to be committed is on the file, for any other process to read."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from payments.gateways.sandbox.charge import Charge
from payments.gateways.sandbox.saved_replies import SavedReply
from payments.gateways.sandbox.store import Store

CHARGE = Charge("ch_1", "k1", "pay_1", 1000, "USD", "succeeded", None, None, "visa", "4242", "", "{}", 1)


def rows(path: Path, table: str) -> int:
    """Count rows as another process would see them."""
    queries = {"charges": "SELECT count(*) FROM charges", "replies": "SELECT count(*) FROM replies"}
    with sqlite3.connect(path) as other:
        (count,) = other.execute(queries[table]).fetchone()
    other.close()
    return int(count)


def with_store(path: Path, act: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = Store(path)
        try:
            await act(store)
        finally:
            store.close()

    asyncio.run(run())


def test_a_charge_and_its_reply_are_on_the_file_when_committed_returns(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"

    async def act(store: Store) -> None:
        store.add_charge(CHARGE)
        store.save_reply(SavedReply("k1", "digest", 200, b"{}", 1))
        assert (rows(path, "charges"), rows(path, "replies")) == (0, 0)
        await store.committed()
        assert (rows(path, "charges"), rows(path, "replies")) == (1, 1)

    with_store(path, act)


def test_all_that_wait_at_the_same_time_share_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"

    async def act(store: Store) -> None:
        async def one(number: int) -> None:
            store.add_charge(CHARGE._replace(id=f"ch_{number}"))
            await store.committed()

        statements: list[str] = []
        store._db.set_trace_callback(statements.append)
        await asyncio.gather(*(one(number) for number in range(20)))
        assert statements.count("COMMIT") == 1
        assert rows(path, "charges") == 20

    with_store(path, act)


def test_nothing_is_told_when_the_commit_fails_and_nothing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"

    async def act(store: Store) -> None:
        store.add_charge(CHARGE)
        await store.committed()
        store.add_charge(CHARGE._replace(key="k2"))
        store.save_reply(SavedReply("k2", "digest", 200, b"{}", 1))
        with pytest.raises(sqlite3.IntegrityError):
            await store.committed()
        assert (rows(path, "charges"), rows(path, "replies")) == (1, 0)
        assert store.saved_reply("k2") is None

    with_store(path, act)


def test_a_read_sees_what_is_not_yet_committed(tmp_path: Path) -> None:
    async def act(store: Store) -> None:
        store.add_charge(CHARGE)
        assert store.charge("ch_1") == CHARGE
        assert store.charges_by_reference("pay_1", before=None, limit=10) == [CHARGE]

    with_store(tmp_path / "ledger.sqlite3", act)


def test_a_status_changes_only_from_where_it_may(tmp_path: Path) -> None:
    async def act(store: Store) -> None:
        store.add_charge(CHARGE)
        assert store.change_status("ch_1", ("requires_action",), "declined", "3ds_failed") is False
        assert store.charge("ch_1") == CHARGE
        assert store.change_status("ch_1", ("succeeded",), "canceled", None) is True
        assert store.charge("ch_1") == CHARGE._replace(status="canceled")

    with_store(tmp_path / "ledger.sqlite3", act)
