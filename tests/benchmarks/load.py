"""The load generator: kept-alive connections with one request under way on each, in a process of its own.

One thread and one selector, standard library only, so that it takes little of the processor that is measured. Run as
`python -m tests.benchmarks.load OPTIONS` it prints what it saw as one line of JSON.
"""

import argparse
import json
import os
import selectors
import socket
import time
from array import array
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path
from typing import Final

ANSWER_WITHIN: Final = 30.0
_BODY: Final = (
    '{"idempotencyKey": "%s", "amount": 19.99, "currency": "EUR",'
    ' "paymentMethod": {"type": "card", "token": "tok_success"},'
    ' "metadata": {"orderID": "order-%s", "customerID": "customer-%d"}}'
)
_HEAD: Final = (
    "POST /api/payments/process HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


class WrongAnswerError(Exception):
    """The server answered something else than what is being counted."""


class Connection:
    """One kept-alive connection. `sent_at` is the monotonic time of its request under way, in seconds."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_WITHIN)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._received = b""

    def send(self, request: bytes) -> None:
        self.sent_at = time.monotonic()
        self.sock.sendall(request)

    def answer(self) -> bytes | None:
        """Read what is there; return the whole answer once it is complete."""
        data = self.sock.recv(65536)
        if not data:
            raise WrongAnswerError("The server closed a connection.")
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        start = self._received.index(b"content-length:") + 15
        length = int(self._received[start : self._received.index(b"\r\n", start)])
        if len(self._received) < head_end + 4 + length:
            return None
        whole, self._received = self._received, b""
        return whole


class Tally:
    """Counts answers; keeps the latencies, in seconds, of those after `counts_from` (monotonic seconds)."""

    def __init__(self, *, replays: bool, counts_from: float = 0.0, status: int = 202) -> None:
        self.answers = 0
        self.latencies = array("d")
        self._replays = replays
        self._counts_from = counts_from
        self._begins = f"HTTP/1.1 {status} ".encode()

    def take(self, answer: bytes, sent_at: float) -> None:
        """Count `answer`; raise WrongAnswerError unless it is the right one, or replays where replays are counted."""
        if not answer.startswith(self._begins) or (b"\r\nidempotent-replayed: true\r\n" in answer) != self._replays:
            raise WrongAnswerError(answer.decode(errors="replace")[:1000])
        self.answers += 1
        now = time.monotonic()
        if now >= self._counts_from:
            self.latencies.append(now - sent_at)


def new_requests(port: int, api_key: str) -> Iterator[bytes]:
    """Yield requests to pay, each with a key and an order never seen before."""
    for number in count():
        key = os.urandom(16).hex()
        body = _BODY % (key, key[::-1], number % 1000)
        yield (_HEAD % (port, api_key, len(body)) + body).encode()


def drive(connections: list[Connection], requests: Iterator[bytes], tally: Tally, until: float = float("inf")) -> None:
    """Keep every connection busy until the monotonic time `until` or the end of `requests`, then hear all answers."""
    under_way = 0
    with selectors.DefaultSelector() as selector:
        for connection, request in zip(connections, requests, strict=False):
            selector.register(connection.sock, selectors.EVENT_READ, connection)
            connection.send(request)
            under_way += 1
        while under_way:
            ready = selector.select(ANSWER_WITHIN)
            if not ready:
                raise WrongAnswerError(f"No answer within {ANSWER_WITHIN:.0f} s.")
            for key, _ in ready:
                connection = key.data
                answer = connection.answer()
                if answer is None:
                    continue
                tally.take(answer, connection.sent_at)
                following = next(requests, None) if time.monotonic() < until else None
                if following is None:
                    under_way -= 1
                else:
                    connection.send(following)


def main() -> None:
    options = _options()
    connections = [Connection(options.port) for _ in range(options.connections)]
    requests = new_requests(options.port, options.api_key)
    if options.requests:
        requests = iter(json.loads(line).encode() for line in options.requests.read_text().splitlines())
    if options.replay:
        known = list(islice(requests, options.replay))
        drive(connections, iter(known), Tally(replays=False))
        requests = cycle(known)
    if options.count:
        requests = islice(requests, options.count)
    # A fixed number of requests is counted from the first one on: it may be over before the warm-up would be.
    warm_up = 0.0 if options.count or options.requests else options.warm_up
    began, cpu = time.monotonic(), time.process_time()
    tally = Tally(replays=bool(options.replay), counts_from=began + warm_up, status=options.status)
    drive(connections, requests, tally, until=began + warm_up + options.seconds)
    seconds = time.monotonic() - began
    print(json.dumps(_summary(tally, seconds - warm_up) | {"cores": (time.process_time() - cpu) / seconds}))


def _summary(tally: Tally, seconds: float) -> dict[str, float]:
    latencies = sorted(tally.latencies)
    return {
        "answers": tally.answers,
        "perSecond": len(latencies) / seconds,
        "medianMs": latencies[len(latencies) // 2] * 1000,
        "p99Ms": latencies[len(latencies) * 99 // 100] * 1000,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api-key", default="")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds whose answers are not counted")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="seconds whose answers are counted")
    parser.add_argument("--count", type=int, default=0, help="stop after so many requests")
    parser.add_argument("--replay", type=int, default=0, help="have so many accepted, then send only these again")
    parser.add_argument("--requests", type=Path, help="send these, one as a JSON string on each line")
    parser.add_argument("--status", type=int, default=202, help="which status every answer must have")
    return parser.parse_args()


if __name__ == "__main__":
    main()
