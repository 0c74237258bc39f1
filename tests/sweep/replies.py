"""The replies that the sweep cuts, as the bytes that a real sandbox gateway sends, and where to cut them."""

import json
import random
import socket
from dataclasses import dataclass
from typing import Any, Final

from payments.gateways.sandbox.framing import FRAMINGS
from payments.ids import new_payment_id
from tests.sandbox import SandboxProcess

AMOUNT: Final = 1250
CURRENCY: Final = "USD"
SUCCESS: Final = "tok_success"
DECLINE: Final = "tok_expired_card"
UNCUT: Final = 1_000_000
_STATUS_LINE_TO_CODE: Final = len(b"HTTP/1.1 402")


@dataclass(frozen=True, slots=True)
class WholeReply:
    """One reply uncut. about: `charge`, `decline`, `look_up` (finds the charge) or `nothing` (finds none)."""

    about: str
    framing: str
    raw: bytes

    @property
    def believable_from(self) -> int:
        """Return how many bytes must be there before the reply may be believed.

        All of them, with two exceptions. A status of 402 is a decline, whatever becomes of its body (references:
        gateway outcomes, statuses). And when the `0` of the last, empty chunk is there, the whole document is:
        `http.client` takes the end of the stream for the rest of that line.
        """
        if self.about == "decline":
            return _STATUS_LINE_TO_CODE
        return len(self.raw) - len(b"\r\n\r\n") if self.framing == "chunked" else len(self.raw)

    def cuts(self, share: float, chance: random.Random) -> list[int]:
        """Return after how many bytes to cut: around every line's end, both ends, and `share` of all others."""
        length = len(self.raw)
        places = {0, 1, _STATUS_LINE_TO_CODE, length - 1, length}
        for at in range(length):
            if self.raw[at : at + 2] == b"\r\n":
                places |= {at, at + 1, at + 2}
        return sorted(places | some_of([at for at in range(length + 1) if at not in places], share, chance))


def some_of(places: list[int], share: float, chance: random.Random) -> set[int]:
    """Return `share` of `places`, drawn by `chance`: which ones differs from seed to seed, how many does not."""
    return set(chance.sample(places, round(len(places) * share)))


def whole_replies(sandbox: SandboxProcess) -> list[WholeReply]:
    """Ask `sandbox` for each kind of reply in each framing; ids, and so lengths, are like those of real payments."""
    found = []
    for framing in FRAMINGS:
        charged, key = _charge(sandbox, SUCCESS, framing)
        declined, _ = _charge(sandbox, DECLINE, framing)
        found += [
            WholeReply("charge", framing, charged),
            WholeReply("decline", framing, declined),
            WholeReply("look_up", framing, _look_up(sandbox, key, framing)),
            WholeReply("nothing", framing, _look_up(sandbox, f"{new_payment_id()}-a1", framing)),
        ]
    return found


def _charge(sandbox: SandboxProcess, token: str, framing: str) -> tuple[bytes, str]:
    payment_id = new_payment_id()
    key = f"{payment_id}-a1"
    sandbox.arm("cut_reply", key=key, count=1, params={"at_byte": UNCUT, "framing": framing})
    charge: dict[str, Any] = {"amount": AMOUNT, "currency": CURRENCY, "token": token, "reference": payment_id}
    body = json.dumps(charge).encode()
    headers = (f"Idempotency-Key: {key}", f"Content-Length: {len(body)}")
    return said(sandbox, "POST /v1/charges", headers, body), key


def _look_up(sandbox: SandboxProcess, key: str, framing: str) -> bytes:
    params = {"at_byte": UNCUT, "framing": framing}
    sandbox.arm("cut_reply", operation="look_up", key=key, count=1, params=params)
    return said(sandbox, f"GET /v1/charges?idempotency_key={key}&limit=100", (), b"")


def said(sandbox: SandboxProcess, line: str, headers: tuple[str, ...], body: bytes) -> bytes:
    """Return every byte that `sandbox` says until it closes the connection."""
    everyone = ("Host: 127.0.0.1", f"Authorization: Bearer {sandbox.secret}")
    head = "\r\n".join([f"{line} HTTP/1.1", *everyone, *headers, "", ""])
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))
