"""Good clients, many at once, in a process of their own: each repeats its request under its key until it is answered.

Run as `python -m tests.storm.clients FOLDER ADDRESS`; reads `orders.json` and `api-key` there. Each reply, and each
that was lost, becomes a line of `history.jsonl`, of refunds of `refunds.jsonl`. Ends when all orders have their reply;
at SIGTERM they give up. With `back` as a third word they are the clients of earlier who come back when all is settled,
and ask for the refunds of their plan: those of earlier again under their keys, and those they could not ask for yet.
"""

import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

import aiohttp

from tests.storm.plan import Order
from tests.storm.result import lines_of

# Seconds: a reply that takes longer (beyond a wait that was asked for) is lost; between two tries; between two polls.
_PATIENCE: Final = 5.0
_PAUSE: Final = (0.1, 0.9)
_POLL_EVERY: Final = (0.4, 1.2)
# Whoever asks for the outcome stops after so many seconds, and so many after the last order: some take far longer.
_POLL_FOR: Final = 15.0
_POLL_AFTERWARDS: Final = 6.0
# When all is settled nothing kills the web server, which answers at last, however busy the machine.
_PATIENCE_AFTERWARDS: Final = 30.0
# The slug of the demo's shop, whose key all clients use.
SHOP: Final = "demo"
_OVER: Final = frozenset({"success", "failed", "expired", "canceled"})

Document = dict[str, Any]


@dataclass(slots=True)
class Shop:
    """What all clients share. polls_until: monotonic seconds. asked: requests of any kind; lost: those unanswered."""

    session: aiohttp.ClientSession
    address: str
    api_key: str
    history: TextIO
    refunds: TextIO
    polls_until: float
    asked: int = 0
    lost: int = 0
    unanswered: list[str] = field(default_factory=list)
    """Keys whose request never got a final reply."""
    closing: bool = False

    async def ask(self, method: str, url: str, patience: float, **options: Any) -> tuple[int, Document, bool] | None:
        """Return status, document, and whether it says to be a replay; None where the reply was lost."""
        self.asked += 1
        try:
            timeout = aiohttp.ClientTimeout(total=patience)
            headers = options.pop("headers", {})
            if url.startswith(self.address):
                headers = {**headers, "Authorization": f"Bearer {self.api_key}"}
            async with self.session.request(
                method, url, timeout=timeout, allow_redirects=False, headers=headers, **options
            ) as reply:
                text = await reply.text()
                replayed = reply.headers.get("Idempotent-Replayed") == "true"
                return reply.status, _document(text), replayed
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.lost += 1
            return None


@dataclass(slots=True)
class GoodClient:
    """One client with one order."""

    shop: Shop
    order: Order
    chance: random.Random
    acted: bool = False
    refused: Collection[str] = ()
    """Keys of refunds that were refused before, and are not asked for again."""

    async def come_back(self, payment_id: str) -> None:
        """Ask for the refunds of the plan, if the payment succeeded."""
        url = f"{self.shop.address}/api/payments/{payment_id}/status"
        answer = await self.shop.ask("GET", url, _PATIENCE_AFTERWARDS)
        if answer is not None and answer[1].get("status") == "success":
            await self._give_back(payment_id)

    async def live(self, began: float) -> None:
        """Pay for the order, from its time on, and follow what becomes of it where the plan says so."""
        await asyncio.sleep(max(0.0, began + self.order.at - time.monotonic()))
        payment_id = ""
        for key in self.order.keys:
            copies = 2 if self.order.twice else 1
            answers = await asyncio.gather(*(self._pay(key) for _ in range(copies)))
            payment_id = next((answer["paymentID"] for answer in answers if "paymentID" in answer), payment_id)
        if payment_id and (self.order.polls or self._is_challenged() or self.order.refund):
            status = await self._follow(payment_id)
            if status == "success" and self.order.refund:
                await self._give_back(payment_id)

    async def _give_back(self, payment_id: str) -> None:
        """Refund what the plan says, each part under its own key until it has a final reply."""
        part = self.order.amount * 2 // 5
        kinds: dict[str, list[tuple[int | None, str]]] = {
            "full": [(None, "a")],
            "part": [(part, "a")],
            "parts": [(part, "a"), (part, "b"), (part, "c")],
            "twice": [(part, "a"), (part, "a")],
            "at_once": [(part, "a"), (part, "b")],
        }
        keys = [(amount, f"refund-{self.order.client}-{name}") for amount, name in kinds[self.order.refund]]
        calls = [self._refund(payment_id, amount, key) for amount, key in keys if key not in self.refused]
        if self.order.refund in {"twice", "at_once"}:
            await asyncio.gather(*calls)
            return
        for call in calls:
            await call

    async def _refund(self, payment_id: str, amount: int | None, key: str) -> None:
        url = f"{self.shop.address}/api/payments/{payment_id}/refunds"
        body: Document = {"idempotencyKey": key, "reason": "customer_request"}
        if amount is not None:
            body["amount"] = amount
        self.shop.unanswered.append(key)
        while not self.shop.closing:
            answer = await self.shop.ask("POST", url, _PATIENCE, json=body)
            status, document, replayed = answer or (None, None, False)
            line = {"key": key, "request": {**body, "paymentID": payment_id}, "status": status, "body": document}
            self.shop.refunds.write(json.dumps({**line, "replayed": replayed}) + "\n")
            if answer is not None and answer[0] < 500:
                self.shop.unanswered.remove(key)
                return
            await asyncio.sleep(self.chance.uniform(*_PAUSE))

    async def _pay(self, key: str) -> Document:
        """Send the request until it has a final reply; return that."""
        url, body = f"{self.shop.address}/api/payments/process", self.order.body(key)
        headers = {"Prefer": f"wait={self.order.wait}"} if self.order.wait else {}
        self.shop.unanswered.append(key)
        while not self.shop.closing:
            sent_at = time.time()
            answer = await self.shop.ask("POST", url, _PATIENCE + self.order.wait, json=body, headers=headers)
            self._write(key, body, answer, sent_at)
            if answer is not None and answer[0] < 500:
                self.shop.unanswered.remove(key)
                return answer[1]
            await asyncio.sleep(self.chance.uniform(*_PAUSE))
        return {}

    def _write(self, key: str, body: Document, answer: tuple[int, Document, bool] | None, sent_at: float) -> None:
        """Add a line to the history, in the form of tests/invariants/read_histories.py."""
        status, document, replayed = answer or (None, None, False)
        now = time.time()
        line = {"at": now, "client": SHOP, "key": key, "request": body, "took": now - sent_at}
        self.shop.history.write(json.dumps(line | {"status": status, "body": document, "replayed": replayed}) + "\n")

    async def _follow(self, payment_id: str) -> str:
        """Poll the status until it is final, and return it; be the customer on the bank's page when there is one."""
        until = min(time.monotonic() + _POLL_FOR, self.shop.polls_until)
        while time.monotonic() < until and not self.shop.closing:
            url = f"{self.shop.address}/api/payments/{payment_id}/status"
            answer = await self.shop.ask("GET", url, _PATIENCE)
            document = answer[1] if answer is not None and answer[0] == 200 else {}
            if document.get("status") in _OVER:
                return str(document["status"])
            action = document.get("nextAction")
            if action and not self.acted:
                if self.order.customer == "abandon":
                    break
                await self._confirm(payment_id, action["url"])
            await asyncio.sleep(self.chance.uniform(*_POLL_EVERY))
        return ""

    async def _confirm(self, payment_id: str, url: str) -> None:
        """Press a button on the bank's page, and mostly come back to the shop's page afterwards."""
        answer = await self.shop.ask("POST", url, _PATIENCE, data={"choice": self.order.customer})
        self.acted = answer is not None and answer[0] == 303
        if self.acted and self.chance.random() < 0.7:
            await self.shop.ask("GET", f"{self.shop.address}/checkout/return/{payment_id}", _PATIENCE)

    def _is_challenged(self) -> bool:
        return self.order.token == "tok_authentication_required"


async def trade(folder: Path, address: str, *, back: bool = False) -> Document:
    """Let all clients of the plan in `folder` live, or come `back`; return what they counted."""
    orders = [
        Order(**{**line, "keys": tuple(line["keys"])}) for line in json.loads((folder / "orders.json").read_text())
    ]
    paid_by, refused = (_payments(folder), _refused(folder)) if back else ({}, set())
    api_key = (folder / "api-key").read_text()
    connector = aiohttp.TCPConnector(limit=0)
    with (
        (folder / "history.jsonl").open("a", buffering=1) as history,
        (folder / "refunds.jsonl").open("a", buffering=1) as refunds,
    ):
        async with aiohttp.ClientSession(connector=connector) as session:
            began = time.monotonic()
            last = max((order.at for order in orders), default=0.0)
            shop = Shop(session, address, api_key, history, refunds, began + last + _POLL_AFTERWARDS)
            clients = [GoodClient(shop, order, random.Random(order.client), refused=refused) for order in orders]
            lives = [
                client.come_back(paid_by[client.order.client]) if back else client.live(began)
                for client in clients
                if not back or (client.order.refund and client.order.client in paid_by)
            ]
            await _until_told(shop, asyncio.gather(*map(_alone, lives)))
    return {"asked": shop.asked, "lost": shop.lost, "unanswered": shop.unanswered}


def _payments(folder: Path) -> dict[str, str]:
    """Return client → id of the payment that it was promised."""
    accepted = [line for line in lines_of(folder / "history.jsonl") if line["status"] == 202]
    by_order = {line["request"]["metadata"]["orderID"]: line["body"]["paymentID"] for line in accepted}
    return {order.removeprefix("order-"): payment_id for order, payment_id in by_order.items()}


def _refused(folder: Path) -> set[str]:
    """Return the keys of refunds that got a final reply, which was not that they are made."""
    final = [line for line in lines_of(folder / "refunds.jsonl") if line["status"] is not None and line["status"] < 500]
    return {line["key"] for line in final if line["status"] != 202}


async def _alone(life: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await life


async def _until_told(shop: Shop, all_lives: "asyncio.Future[Any]") -> None:
    def close() -> None:
        # Being canceled is not enough: at the same moment a request's own time may be over, and it would be repeated.
        shop.closing = True
        all_lives.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, close)
    with contextlib.suppress(asyncio.CancelledError):
        await all_lives


def _document(text: str) -> Document:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(trade(Path(sys.argv[1]), sys.argv[2], back=sys.argv[3:] == ["back"]))))
