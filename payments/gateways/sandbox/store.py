"""The sandbox gateway's own ledger: one SQLite file that tells the truth about what was charged.

It survives SIGKILL: nothing is answered before it is committed, and a committed transaction is with the operating
system (WAL, synchronous=NORMAL: only a power cut could lose the last ones). All writes of one turn of the event loop
are committed together, which makes a commit cheap under load and immediate without.
"""

import asyncio
import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from payments.gateways.sandbox.charge import READ_CHARGES, Charge
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.columns import add_missing
from payments.gateways.sandbox.config import CHALLENGE_LIFE
from payments.gateways.sandbox.dispute_store import DisputeBook
from payments.gateways.sandbox.events import EventLog
from payments.gateways.sandbox.orders import ChargeOrder
from payments.gateways.sandbox.refund_rules import Standing
from payments.gateways.sandbox.refund_store import RefundBook
from payments.gateways.sandbox.saved_replies import SavedReplies, SavedReply
from payments.gateways.sandbox.transactions import transaction

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS charges (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, decline_code TEXT, action_url TEXT,
    brand TEXT NOT NULL, last4 TEXT NOT NULL, return_url TEXT NOT NULL, metadata TEXT NOT NULL,
    created_ms INTEGER NOT NULL, fingerprint TEXT NOT NULL DEFAULT '', network_advice TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS charges_key ON charges (key);
CREATE INDEX IF NOT EXISTS charges_reference ON charges (reference);
CREATE INDEX IF NOT EXISTS charges_waiting ON charges (created_ms) WHERE status = 'requires_action';
CREATE TABLE IF NOT EXISTS requests (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT NOT NULL, reference TEXT NOT NULL, token TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ages (charge_id TEXT PRIMARY KEY, ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_ADDED: Final = {"fingerprint": "TEXT NOT NULL DEFAULT ''", "network_advice": "TEXT"}
_ADD_CHARGE: Final = "INSERT INTO charges VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_REQUEST: Final = "INSERT INTO requests VALUES (NULL, ?, ?, ?, ?, ?)"
_BY_KEY: Final = f"{READ_CHARGES} WHERE key = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
_BY_REFERENCE: Final = f"{READ_CHARGES} WHERE reference = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
_OVERDUE: Final = "SELECT id FROM charges WHERE status = 'requires_action' AND created_ms <= ?"
_ALL: Final = f"{READ_CHARGES} WHERE seq < ? ORDER BY seq DESC LIMIT ?"
_CHANGE: Final = "UPDATE charges SET status = ?, decline_code = ?, action_url = ? WHERE id = ?"
_AGE: Final = "INSERT INTO ages VALUES (?1, ?2) ON CONFLICT DO UPDATE SET ms = ms + ?2"
# Taken, less what is given back, held by a dispute, or lost to one.
_BALANCE: Final = """
SELECT currency, sum(amount) FROM (
    SELECT currency, amount FROM charges WHERE status = 'succeeded'
    UNION ALL SELECT currency, -amount FROM refunds WHERE status <> 'failed'
    UNION ALL SELECT currency, -amount FROM disputes WHERE status <> 'won'
) GROUP BY 1
"""
_NEWEST: Final = 2**63 - 1
# What a charge is declined with whose challenge was not answered in time.
CHALLENGE_EXPIRED: Final = "3ds_expired"
# Requests are logged for reading afterwards: they may wait this many seconds for a transaction to go with.
_LOG_DELAY: Final = 0.05


class Store:
    """Used by one event loop only. challenge_life: seconds from its start for which a charge waits for its customer.

    sends_events: somebody wants to get them; they are written in any case.
    """

    def __init__(self, path: Path, challenge_life: float = CHALLENGE_LIFE, *, sends_events: bool = False) -> None:
        self.challenge_life = challenge_life
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        # A checkpoint is the only fsync; at the default of 1,000 pages it would interrupt a busy gateway too often.
        self._db.execute("PRAGMA wal_autocheckpoint=8000")
        self._db.executescript(_SCHEMA)
        add_missing(self._db, "charges", _ADDED)
        self.events = EventLog(self._db, sends=sends_events)
        self.replies = SavedReplies(self._db)
        self.refunds = RefundBook(self._db, self.events)
        self.disputes = DisputeBook(self._db, self.events)
        self._charges: list[Charge] = []
        self._replies: list[SavedReply] = []
        self._requests: list[tuple[int, str, str, str, str]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._log_timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        self.flush()
        self._db.close()

    def log_request(self, order: ChargeOrder, at_ms: int) -> None:
        """Note that a charge request arrived, whatever becomes of it."""
        self._requests.append((at_ms, order.key, order.reference, order.token, order.digest))
        if self._log_timer is None:
            self._log_timer = asyncio.get_running_loop().call_later(_LOG_DELAY, self.flush)

    def add_charge(self, charge: Charge) -> None:
        """Take a charge into the next commit; await `committed` before telling anybody."""
        self._charges.append(charge)

    def save_reply(self, reply: SavedReply) -> None:
        self._replies.append(reply)

    async def committed(self) -> None:
        """Return when everything added so far is committed."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        if not self._waiting:
            loop.call_soon(self.flush)
        self._waiting.append(done)
        await done

    def flush(self) -> None:
        """Commit everything added so far, in one transaction."""
        if self._log_timer is not None:
            self._log_timer.cancel()
            self._log_timer = None
        waiting, self._waiting = self._waiting, []
        try:
            self._write()
        except sqlite3.Error as error:
            for done in waiting:
                if not done.done():
                    done.set_exception(error)
            return
        for done in waiting:
            if not done.done():
                done.set_result(None)

    def _write(self) -> None:
        charges, self._charges = self._charges, []
        replies, self._replies = self._replies, []
        requests, self._requests = self._requests, []
        if not (charges or replies or requests):
            return
        with self.transaction():
            self._db.executemany(_ADD_CHARGE, [charge[:-1] for charge in charges])
            self.replies.write(replies)
            self._db.executemany(_ADD_REQUEST, requests)
            self.events.charges_changed(charges)

    def transaction(self) -> AbstractContextManager[None]:
        """Write meanwhile all or nothing; flush what else waits before."""
        return transaction(self._db)

    def saved_reply(self, key: str) -> SavedReply | None:
        # Without a flush: a key whose reply is not yet committed still counts as in progress.
        return self.replies.of(key)

    def charge(self, charge_id: str) -> Charge | None:
        return next(iter(self._select(f"{READ_CHARGES} WHERE id = ?", charge_id)), None)

    def charges_by_key(self, key: str, *, before: int | None, limit: int) -> list[Charge]:
        """Return charges made under `key`, newest first, older than the row `before` where given."""
        return self._select(_BY_KEY, key, before or _NEWEST, limit)

    def charges_by_reference(self, reference: str, *, before: int | None, limit: int) -> list[Charge]:
        """The same for the shop's reference."""
        return self._select(_BY_REFERENCE, reference, before or _NEWEST, limit)

    def all_charges(self, *, before: int | None = None, limit: int = -1) -> list[Charge]:
        """The same for all charges; without a limit unless one is given."""
        return self._select(_ALL, before or _NEWEST, limit)

    def position(self, charge_id: str) -> int | None:
        """Return the row number of a charge, which a cursor stands for."""
        self.flush()
        row = self._db.execute("SELECT seq FROM charges WHERE id = ?", (charge_id,)).fetchone()
        return int(row[0]) if row else None

    def change_status(self, charge_id: str, old: tuple[str, ...], status: str, decline_code: str | None) -> bool:
        """Move a charge out of one of the `old` statuses; say whether it was in one."""
        charge = self.charge(charge_id)  # as it is if its challenge is over by now
        if charge is None or charge.status not in old:
            return False
        self._change(charge._replace(status=status, decline_code=decline_code, action_url=None))
        return True

    def end_challenges(self) -> None:
        """Decline every charge whose customer did not come in time, before anybody looks at it."""
        for (charge_id,) in self._db.execute(_OVERDUE, (self._oldest_open(),)).fetchall():
            self.charge(charge_id)

    def balance(self) -> dict[str, int]:
        """Return the minor units taken and not given back, per currency."""
        self.flush()
        return dict(self._db.execute(_BALANCE).fetchall())

    def age(self, charge_id: str, milliseconds: int) -> None:
        """Let a charge count as so much older for the time within which it can be refunded."""
        self._db.execute(_AGE, (charge_id, milliseconds))

    def standing(self, charge: Charge) -> Standing:
        """Return what there is against a charge; read inside the transaction that adds to it."""
        row = self._db.execute("SELECT ms FROM ages WHERE charge_id = ?", (charge.id,)).fetchone()
        return Standing(
            given_back=self.refunds.given_back(charge.id),
            lost=self.disputes.disputed(charge.id, "lost"),
            disputed=self.disputes.disputed(charge.id, "open") > 0,
            age_ms=now_ms() - charge.created_ms + (row[0] if row else 0),
        )

    def requests(self, *, key: str | None, reference: str | None) -> list[dict[str, Any]]:
        """Return the charge requests received, oldest first."""
        self.flush()
        rows = self._db.execute(
            "SELECT at_ms, key, reference, token, digest FROM requests"
            " WHERE (?1 IS NULL OR key = ?1) AND (?2 IS NULL OR reference = ?2) ORDER BY seq",
            (key, reference),
        )
        names = ("at_ms", "idempotency_key", "reference", "token", "payload_hash")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _select(self, query: str, *values: Any) -> list[Charge]:
        self.flush()
        oldest_open = self._oldest_open()
        found = [Charge(*row[1:]) for row in self._db.execute(query, values).fetchall()]
        return [
            self._expired(charge) if charge.status == "requires_action" and charge.created_ms <= oldest_open else charge
            for charge in found
        ]

    def _expired(self, charge: Charge) -> Charge:
        """Decline a charge whose customer did not come in time; it is done when somebody first looks."""
        expired = charge._replace(status="declined", decline_code=CHALLENGE_EXPIRED, action_url=None)
        self._change(expired)
        return expired

    def _oldest_open(self) -> int:
        return now_ms() - int(self.challenge_life * 1000)

    def _change(self, charge: Charge) -> None:
        """Write the status of `charge`. Nobody else writes to the file, so what was just read is still so."""
        with self.transaction():
            self._db.execute(_CHANGE, (charge.status, charge.decline_code, charge.action_url, charge.id))
            self.events.charges_changed([charge])
