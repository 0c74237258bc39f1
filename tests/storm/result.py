"""What a storm did and what came of it, as figures and as paths for whoever checks the invariants."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class StormResult:
    """One storm. `as_json` is the whole of it.

    accepted: payments in the database. requests: sent by clients, polls and confirmations included. replies: those to
    requests to pay, by status. lost_answers: requests of any kind without a reply. unanswered: keys of requests that
    never got a final reply. kills: blows dealt, by kind; repaired: programs that ended or hung without being told.
    fired: faults of the gateways, by operation and kind. surplus: charges without right, by what became of them.
    late_customers: challenges that were still open when all was quiet, and approved then.
    webhooks: gateways' events taken in; webhook_duplicates: deliveries of one that was taken in before;
    webhooks_refused: those that nobody had signed, or too long ago. delivered: events delivered to the shop, by
    delivery_tries requests; repeated: those that arrived there once more.
    outside: what happened at the gateways without us, by kind. refund_replies: those to requests to refund, by status;
    refunds, disputes: by what became of them.
    virtual_seconds: from healing, or from what came late, to the last thing done, whichever took longer.
    unfinished: what was still to be done by itself then. violations: sentences of the invariant checker.
    """

    seed: int
    orders: int
    accepted: int
    requests: int
    replies: dict[str, int]
    lost_answers: int
    unanswered: list[str]
    kills: dict[str, int]
    missed: dict[str, int]
    repaired: dict[str, int]
    outside: dict[str, int]
    refund_replies: dict[str, int]
    refunds: dict[str, int]
    disputes: dict[str, int]
    fired: dict[str, int]
    by_status: dict[str, int]
    surplus: dict[str, int]
    late_customers: int
    storm_seconds: float
    settling_seconds: float
    virtual_seconds: float
    unfinished: list[str]
    in_review: int
    database_url: str
    ledgers: dict[str, str]
    histories: list[str]
    webhooks: int
    webhook_duplicates: int
    webhooks_refused: int
    delivered: int
    delivery_tries: int
    repeated: int
    inbox: str
    violations: list[str] = field(default_factory=list)

    @property
    def sigkills(self) -> int:
        """How many processes were ended by SIGKILL."""
        kinds = ("web_worker", "cluster_worker", "settle_loop", "cluster_parent", "gateway", "inbox")
        return sum(self.kills.get(kind, 0) for kind in kinds)

    @property
    def refunded(self) -> int:
        """How many refunds succeeded."""
        return self.refunds.get("succeeded", 0)

    def as_json(self) -> str:
        return json.dumps({**asdict(self), "sigkills": self.sigkills, "refunded": self.refunded}, indent=1)


def replies_of(history: Path) -> dict[str, int]:
    """Count the replies to requests to pay by their status; those that were lost as `lost`."""
    return dict(sorted(Counter(str(line["status"] or "lost") for line in lines_of(history)).items()))


def repeated(inbox_log: Path) -> int:
    """Count the requests that brought the shop an event which it had already."""
    ids = [line["id"] for line in lines_of(inbox_log)]
    return len(ids) - len(set(ids))


def lines_of(history: Path) -> Iterator[dict[str, Any]]:
    with history.open() as lines:
        yield from (json.loads(line) for line in lines)
