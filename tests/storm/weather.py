"""How the sandbox gateways misbehave in a storm, and how often they really did.

Faults are armed by their control API, each with a small probability. A gateway that is killed forgets them, and how
often they fired: the last count known is kept, so the figures are a little low, never too high.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from payments.gateways.sandbox.config import DEMO_BEARER
from tests.support.processes import wait_until

_ASK_WITHIN: Final = 2.0
# Of thousands of events.
_LIST_WITHIN: Final = 20.0
# Longer than an outage of the plan lasts.
_OUTAGE_ENDS_WITHIN: Final = 15.0
_QUESTIONS: Final = ("look_up", "list", "cancel", "refund_look_up", "dispute_look_up")

Fault = dict[str, Any]
Document = dict[str, Any]


def charge_faults(*, doubles: bool) -> list[Fault]:
    """Return the faults of POST /v1/charges. doubles: the gateway may also charge twice in spite of the key."""
    return [
        *_each(0.025, "execute_then_close", "close_without_executing", "execute_then_reset", "reset_without_executing"),
        *_each(0.012, "execute_then_hang", "hang_without_executing"),
        *[_fault("execute_late", 0.01, seconds=seconds) for seconds in (1, 2, 3)],
        *([_fault("execute_twice", 0.012)] if doubles else []),
        _fault("status", 0.02, status=500, execute=True),
        _fault("status", 0.02, status=500),
        _fault("status", 0.01, status=503, execute=True),
        _fault("status", 0.02, status=429, headers={"Retry-After": "1"}),
        _fault("html_200", 0.012),
        _fault("html_200", 0.012, execute=False),
        _fault("empty_200", 0.01),
        *[_fault("cut_reply", 0.01, framing=framing, at_byte=250) for framing in ("length", "chunked", "close")],
        _fault("drip", 0.008, interval_ms=60),
        *_each(0.012, "wrong_amount", "wrong_reference", "unknown_status"),
        _fault("delay", 0.04, delay_ms=400),
        _fault("delay", 0.02, delay_ms=1300),
    ]


def question_faults(operation: str) -> list[Fault]:
    """Return the faults of look-ups, of the list of charges, or of voids (`operation`)."""
    kinds = ("execute_then_close", "close_without_executing", "execute_then_reset", "execute_then_hang")
    return [
        {**fault, "operation": operation}
        for fault in (
            *_each(0.03, *kinds),
            _fault("status", 0.03, status=500, execute=True),
            _fault("status", 0.02, status=429, headers={"Retry-After": "1"}),
            *_each(0.02, "html_200", "empty_200", "wrong_amount", "wrong_reference"),
            _fault("cut_reply", 0.02, framing="close", at_byte=250),
            _fault("delay", 0.03, delay_ms=600),
        )
    ]


def refund_faults(*, doubles: bool) -> list[Fault]:
    """Return the faults of POST /v1/refunds: those of charges, refunds that are declined, and that take their time."""
    return [
        {**fault, "operation": "refund"}
        for fault in (
            *charge_faults(doubles=doubles),
            _fault("decline", 0.03, code="insufficient_balance"),
            *[_fault("pending", 0.03, seconds=seconds) for seconds in (1, 3)],
        )
    ]


def last_refund_faults() -> list[Fault]:
    """Return faults that hit a gateway's next refunds once each, when all else is healed."""
    return [
        {**fault, "operation": "refund", "count": 1}
        for fault in (*_each(1.0, "execute_then_close", "reset_without_executing"), _fault("pending", 1.0, seconds=1))
    ]


def webhook_faults() -> list[Fault]:
    """Return the faults of what the gateway sends us (payments/gateways/sandbox/webhooks.py)."""
    return [
        {**fault, "operation": "webhook"}
        for fault in (
            *_each(0.03, "lose", "forge"),
            _fault("repeat", 0.05, times=3),
            *[_fault("delay", 0.03, seconds=seconds) for seconds in (1, 3)],
            _fault("reorder", 0.05, seconds=1),
            _fault("stale", 0.02, age=3600),
        )
    ]


def faults(*, doubles: bool, times: float = 1.0) -> list[Fault]:
    """Return all faults of one gateway in a storm; `times` as probable as usual."""
    questions = [fault for operation in _QUESTIONS for fault in question_faults(operation)]
    found = [*charge_faults(doubles=doubles), *refund_faults(doubles=doubles), *questions, *webhook_faults()]
    return [{**fault, "probability": min(1.0, fault["probability"] * times)} for fault in found]


@dataclass(slots=True)
class Weather:
    """The faults of one gateway at `url`. `fired` counts them over all its lives, by operation and kind."""

    url: str
    armed: list[Fault]
    fired: Counter[str] = field(default_factory=Counter)
    _of_this_life: Counter[str] = field(default_factory=Counter)

    def arm(self, faults: list[Fault] | None = None) -> None:
        """Arm `faults` (all) in a gateway that has none; raises requests.RequestException if it is not there."""
        self.remember()
        self._ask("POST", "/control/faults", json=self.armed if faults is None else faults).raise_for_status()

    def outage(self, seconds: float) -> bool:
        """Have nobody listen for `seconds`; say whether the gateway took note."""
        with suppress(requests.RequestException):
            document = {"kind": "outage", "operation": "health", "seconds": seconds}
            self.look()
            self._ask("POST", "/control/faults", json=document).raise_for_status()
            self.fired["outage"] += 1
            return True
        return False

    def look(self) -> None:
        """Take down how often the faults fired in this life, where the gateway answers."""
        with suppress(requests.RequestException, ValueError):
            shown = self._ask("GET", "/control/faults").json()["faults"]
            counts: Counter[str] = Counter()
            for fault in shown:
                counts[f"{fault['operation']}:{_name(fault)}"] += fault["fired"]
            self._of_this_life = counts

    def remember(self) -> None:
        """Add this life's counts to all: the gateway has been, or is about to be, ended."""
        self.fired += self._of_this_life
        self._of_this_life = Counter()

    def clear(self) -> None:
        """Heal the gateway, once it listens again where it had an outage."""
        wait_until(self._listens, seconds=_OUTAGE_ENDS_WITHIN, what=f"an answer of {self.url}")
        self.look()
        self._ask("DELETE", "/control/faults").raise_for_status()
        self.remember()

    def _listens(self) -> bool:
        with suppress(requests.RequestException):
            return self._ask("GET", "/v1/health").ok
        return False

    def approve_what_is_open(self) -> int:
        """Be the customers who confirm at their bank long after everybody else is done; return how many there were."""
        ledger = self._ask("GET", "/control/ledger").json()["charges"]
        waiting = [charge["id"] for charge in ledger if charge["status"] == "requires_action"]
        for charge_id in waiting:
            self._ask("POST", f"/3ds/{charge_id}", data={"choice": "approve"}, allow_redirects=False)
        return len(waiting)

    def outside(self, kind: str, choice: float) -> bool:
        """Have something happen at the gateway without us (plan.Outside); say whether it did."""
        with suppress(requests.RequestException, ValueError, KeyError):
            ledger = self._ask("GET", "/control/ledger", timeout=_LIST_WITHIN).json()
            end = "lost" if choice < 0.5 else "won"
            paths: dict[str, tuple[str, list[str], Document]] = {
                "dashboard": ("refunds", _ids(ledger["charges"], "succeeded"), {}),
                "bounce": ("refunds/{}/fail", _ids(ledger["refunds"], "succeeded"), {"code": "account_closed"}),
                "dispute": ("disputes", _ids(ledger["charges"], "succeeded"), {}),
                "verdict": ("disputes/{}/close", _ids(ledger["disputes"], "open"), {"status": end}),
            }
            path, ids, members = paths[kind]
            if not ids:
                return False
            chosen = ids[int(choice * len(ids))]
            whole = members if "{}" in path else {"charge": chosen, "amount": 1 + int(choice * 1000) % 50}
            return self._ask("POST", f"/control/{path.format(chosen)}", json=whole).ok
        return False

    def send_again(self, delivered: int) -> None:
        """Have the gateway send the events that never arrived, and `delivered` of those that did."""
        never = [event["id"] for event in self._events() if event["delivery"]["delivered_ms"] is None]
        before = [event["id"] for event in self._events() if event["id"] not in set(never)]
        for event_id in [*never, *before[:delivered]]:
            self._ask("POST", f"/control/events/{event_id}/resend").raise_for_status()

    def on_their_way(self) -> list[str]:
        """Return the ids of the events that the gateway will go on sending."""
        return [event["id"] for event in self._events() if event["delivery"]["due_ms"] is not None]

    def _events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", "/control/events", timeout=_LIST_WITHIN).json()["events"]
        return found

    def _ask(self, method: str, path: str, timeout: float = _ASK_WITHIN, **options: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = f"Bearer {DEMO_BEARER}"
            return session.request(method, self.url + path, timeout=timeout, **options)


def _ids(rows: list[Document], status: str) -> list[str]:
    return [str(row["id"]) for row in rows if row["status"] == status]


def _each(probability: float, *kinds: str) -> Iterator[Fault]:
    return (_fault(kind, probability) for kind in kinds)


def _fault(kind: str, probability: float, **params: Any) -> Fault:
    return {"kind": kind, "probability": probability, "params": params}


def _name(fault: Fault) -> str:
    """Return the kind, and of a status which one and whether the request was carried out before it."""
    if fault["kind"] != "status":
        return str(fault["kind"])
    executed = "_executed" if fault["params"].get("execute") else ""
    return f"status_{fault['params'].get('status', 500)}{executed}"
