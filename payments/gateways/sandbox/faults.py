"""Faults that the control API arms: which request they hit, how often, and with what probability.

What each kind does is in breakage.py. A fault is used up by `count` requests, ends with its time window, or lasts until
it is removed.
"""

import heapq
import itertools
import secrets
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

OPERATIONS: Final = (
    *("charge", "look_up", "list", "cancel"),
    *("refund", "refund_look_up", "dispute_look_up"),
    *("health", "webhook"),
)

_chance = secrets.SystemRandom()


@dataclass(slots=True)
class Fault:
    """One armed fault. Empty token, reference, key, type (of an event): any. fired: hits so far.

    starts_at, ends_at: monotonic seconds.
    """

    id: str
    kind: str
    operation: str
    token: str = ""
    reference: str = ""
    key: str = ""
    type: str = ""
    count: int | None = None
    probability: float = 1.0
    starts_at: float = 0.0
    ends_at: float | None = None
    params: dict[str, Any] = field(default_factory=dict)
    fired: int = 0

    def hits(self, now: float) -> bool:
        """Say whether this fault hits a request that it is aimed at; chance is asked last."""
        return (
            (self.count is None or self.fired < self.count)
            and self.starts_at <= now
            and (self.ends_at is None or now < self.ends_at)
            and (self.probability >= 1 or _chance.random() < self.probability)
        )

    def shown(self, now: float) -> dict[str, Any]:
        """Return what `GET /control/faults` shows; seconds_left is null where no window was given."""
        return {
            "id": self.id,
            "kind": self.kind,
            "operation": self.operation,
            "token": self.token,
            "reference": self.reference,
            "key": self.key,
            "type": self.type,
            "count": self.count,
            "probability": self.probability,
            "seconds_left": None if self.ends_at is None else round(max(0.0, self.ends_at - now), 3),
            "params": self.params,
            "fired": self.fired,
        }


class FaultBook:
    """All faults armed since the start, in the order in which they are tried; at most one hits a request.

    Thousands can be armed at once, each for a token, reference or key of its own: they are found by what they aim at.
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._aimed: dict[tuple[str, ...], list[tuple[int, Fault]]] = defaultdict(list)

    def arm(self, fault: Fault) -> None:
        aim = (fault.operation, fault.token, fault.reference, fault.key, fault.type)
        self._aimed[aim].append((len(self._faults), fault))
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()
        self._aimed.clear()

    def match(
        self,
        operation: str,
        *,
        token: str = "",
        reference: str = "",
        key: str = "",
        type: str = "",  # noqa: A002 - the name that the API has for it
        without: Collection[str] = (),
    ) -> Fault | None:
        """Return the fault that hits this request, counted as fired, or None; none of the kinds in `without`."""
        if not self._faults:
            return None
        now = time.monotonic()
        aims = itertools.product((operation,), {token, ""}, {reference, ""}, {key, ""}, {type, ""})
        for _, fault in heapq.merge(*(self._aimed[aim] for aim in aims if aim in self._aimed)):
            if fault.kind not in without and fault.hits(now):
                fault.fired += 1
                return fault
        return None

    def shown(self) -> list[dict[str, Any]]:
        now = time.monotonic()
        return [fault.shown(now) for fault in self._faults]
