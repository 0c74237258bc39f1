"""Reads what clients wrote down: one JSON line for each request to pay, answered or not.

    {"at": 1767225600.25, "client": "demo", "key": "order-1-a", "request": {…}, "status": 202, "body": {…},
     "replayed": false, "took": 0.04}

at: seconds since 1970 at which the answer came or was given up. client: the slug of the shop; any other label means
that keys alone tell shops apart. status and body: null where no answer came. took: seconds from sending to `at`, 60
where it is missing: whether one request was sent after another was answered can then only be said if they lie that
far apart.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

_TOOK_AT_MOST: Final = 60.0


class Exchange(NamedTuple):
    """One request and its answer. fingerprint: equal for equal requests, whatever their key."""

    client: str
    key: str
    fingerprint: str
    status: int | None
    body: dict[str, Any]
    replayed: bool
    sent_at: float
    answered_at: float

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        return self.status is not None and 400 <= self.status < 500


def read_histories(files: Iterable[Path]) -> list[Exchange]:
    """Return all exchanges by the time of their answer."""
    found: list[Exchange] = []
    for path in files:
        with path.open(encoding="utf-8") as lines:
            # The last line of a client that was killed may be cut; it is no evidence.
            found += [_exchange(json.loads(line)) for line in lines if line.endswith("\n")]
    return sorted(found, key=lambda exchange: exchange.answered_at)


def _exchange(line: dict[str, Any]) -> Exchange:
    body = line["body"]
    return Exchange(
        client=line["client"],
        key=line["key"],
        fingerprint=_fingerprint(line["request"]),
        status=line["status"],
        body=body if isinstance(body, dict) else {},
        replayed=line["replayed"],
        sent_at=line["at"] - line.get("took", _TOOK_AT_MOST),
        answered_at=line["at"],
    )


def _fingerprint(request: Any) -> str:
    if isinstance(request, dict):
        request = {name: value for name, value in request.items() if name != "idempotencyKey"}
    return json.dumps(_plain(request), sort_keys=True)


def _plain(value: Any) -> Any:
    """Return `value` with 12.0 as 12: one number, however it was spelt."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
