"""The kinds of faults: whether the gateway does what it was asked, and how its reply then goes wrong.

Parameters are those of `POST /control/faults`; every kind also takes `delay_ms`.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from payments.gateways.sandbox.senders import (
    Sender,
    close,
    cut_reply,
    drip,
    edited,
    empty,
    gzip_body,
    hang,
    html,
    huge_body,
    normal,
    redirect,
    reset,
    status,
    wrong_content_type,
)


class Acts(Enum):
    """Whether the gateway does what it was asked before it misbehaves.

    TWICE and RULED are for charges and refunds alone; all else is done as asked.
    """

    YES = auto()
    NO = auto()
    UNLESS_TOLD = auto()
    """Yes, unless the parameter `execute` is false."""
    IF_TOLD = auto()
    """No, unless the parameter `execute` is true."""
    LATE = auto()
    """After `seconds` (5); the key counts as in use until then."""
    TWICE = auto()
    RULED = auto()
    """Done with the end that the fault says: a real decline with the `code` of its parameters, or a pending refund."""


@dataclass(frozen=True, slots=True)
class Breakage:
    acts: Acts
    send: Sender

    @property
    def lets_answer_through(self) -> bool:
        """Whether something of what the gateway would say leaves, however garbled."""
        return self.send not in {hang, close, reset, status, html, empty, redirect}


# A verdict of the gateway rather than a fault: armed like one, so that one gateway declines what another accepts.
DECLINE: Final = "decline"
# The same for refunds alone: it is taken on, and succeeds `seconds` later, or never by itself.
PENDING: Final = "pending"
KINDS: Final[dict[str, Breakage]] = {
    "execute_then_hang": Breakage(Acts.YES, hang),
    "hang_without_executing": Breakage(Acts.NO, hang),
    "execute_then_close": Breakage(Acts.YES, close),
    "close_without_executing": Breakage(Acts.NO, close),
    "execute_then_reset": Breakage(Acts.YES, reset),
    "reset_without_executing": Breakage(Acts.NO, reset),
    "execute_late": Breakage(Acts.LATE, close),
    "execute_twice": Breakage(Acts.TWICE, normal),
    "delay": Breakage(Acts.YES, normal),
    DECLINE: Breakage(Acts.RULED, normal),
    PENDING: Breakage(Acts.RULED, normal),
    "status": Breakage(Acts.IF_TOLD, status),
    "html_200": Breakage(Acts.UNLESS_TOLD, html),
    "empty_200": Breakage(Acts.UNLESS_TOLD, empty),
    "wrong_content_type": Breakage(Acts.YES, wrong_content_type),
    "cut_reply": Breakage(Acts.YES, cut_reply),
    "drip": Breakage(Acts.YES, drip),
    "huge_body": Breakage(Acts.YES, huge_body),
    "gzip_body": Breakage(Acts.YES, gzip_body),
    "redirect": Breakage(Acts.UNLESS_TOLD, redirect),
    "wrong_amount": Breakage(Acts.YES, edited(amount=lambda amount: amount + 1)),
    "wrong_currency": Breakage(Acts.YES, edited(currency=lambda code: "EUR" if code == "USD" else "USD")),
    "wrong_reference": Breakage(Acts.YES, edited(reference=lambda reference: reference + "x")),
    "wrong_mode": Breakage(Acts.YES, edited(livemode=lambda live: not live)),
    "unknown_status": Breakage(Acts.YES, edited(status=lambda _status: "sideways")),
}
# A fault of the whole gateway, not of one request: nobody listens for `seconds`.
OUTAGE: Final = "outage"
