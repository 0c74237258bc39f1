"""What an outage under load did: answer times by phase, charges per second, levels, and what was violated."""

import json
import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.outage.database import Database, Paid
from tests.outage.rates import most_within
from tests.outage.timeline import PHASES, Timeline
from tests.storm.result import lines_of, replies_of
from tests.storm.verdict import violations_of

# Milliseconds by which the outcome may come later than usual, once the breaker is open (requirement B7).
AIM: Final = 300
# Phases in which the primary is away and its breaker is open.
OPENED: Final = ("hangs_open", "killed_open")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look: our database, the ledgers of the gateways, what the clients noted, and what the shop was told."""

    database_url: str
    ledgers: Mapping[str, Path]
    history: Path
    inbox: Path


@dataclass(frozen=True, slots=True)
class OutageResult:
    """One outage. Times in milliseconds unless they say seconds.

    phases: by phase, the seconds it lasted, its payments, and the times from the request to the answer, and from
    accepting to the outcome. trials: payments by which the open breaker found out whether the gateway is back; here
    these are many times as frequent as in life, as the breaker stays open for a shorter time. slower: by how much
    answers and outcomes came later than usual with the breaker open, the trials aside. drain: charges of accepted
    orders, and of all, per second.
    levels: payments by status and level, when all was over. fired: what really happened to gateways and calls.
    """

    phases: dict[str, Figures]
    slower: dict[str, Figures]
    drain: Figures
    levels: dict[str, int]
    aims: dict[str, bool]
    accepted: int
    replies: dict[str, int]
    unanswered: list[str]
    fired: dict[str, int]
    sigkills: int
    double_charges: int
    in_review: int
    virtual_seconds: float
    unfinished: list[str]
    violations: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def result_of(
    timeline: Timeline,
    evidence: Evidence,
    paid: Sequence[Paid],
    counted: Mapping[str, Any],
    ended: Mapping[str, Any],
) -> OutageResult:
    """Return the figures. paid: the payments as they were before the rest was settled in virtual time."""
    database = Database(evidence.database_url)
    phases = _phases(timeline, paid, _answers(evidence.history))
    slower: dict[str, Figures] = {
        phase: _slower(phases["normal"], phases[phase]) for phase in OPENED if phase in phases
    }
    drain = _drain(evidence.ledgers, paid, timeline, ended)
    calls = database.lost_calls()
    doubles = _double_charges(evidence.ledgers)
    aims = {
        f"within {AIM} ms of normal once the breaker is open": all(
            value <= AIM for figures in slower.values() for value in figures.values()
        ),
        "the queue drains no faster than the normal rate": drain["most_in_a_second"] <= ended["rate"],
        "the queue drains by itself": ended["drained"] >= 0,
        "every order with both gateways down ended on level 4 or 6, or was paid": _all_ended(timeline, paid),
        "nothing is charged twice": doubles == 0,
    }
    return OutageResult(
        phases=phases,
        slower=slower,
        drain=drain,
        levels=_levels(database.payments()),
        aims=aims,
        accepted=len(paid),
        replies=replies_of(evidence.history),
        unanswered=list(counted["unanswered"]),
        fired={"gateway paused": timeline.pauses, "gateway killed": timeline.sigkills, **calls},
        sigkills=timeline.sigkills,
        double_charges=doubles,
        in_review=int(ended["in_review"]),
        virtual_seconds=float(ended["virtual_seconds"]),
        unfinished=list(ended["unfinished"]),
        violations=violations_of(evidence.database_url, evidence.ledgers, [evidence.history], [evidence.inbox]),
    )


def _answers(history: Path) -> dict[str, tuple[float, float]]:
    """Return by key when the first request was sent (seconds since 1970), and the seconds until a reply was there."""
    found: dict[str, tuple[float, float]] = {}
    for line in lines_of(history):
        sent_at = line["at"] - line["took"]
        first = found.get(line["key"], (sent_at, 0.0))[0]
        found[line["key"]] = (first, line["at"] - first)
    return found


def _phases(timeline: Timeline, paid: Iterable[Paid], answers: Mapping[str, tuple[float, float]]) -> dict[str, Figures]:
    by_phase: dict[str, list[Paid]] = defaultdict(list)
    for one in paid:
        sent_at = answers[one.key][0] if one.key in answers else one.created_at
        by_phase[timeline.phase_of(sent_at, one.known_at or math.inf)].append(one)
    return {
        phase: {"seconds": timeline.lasted.get(phase), **_figures(by_phase[phase], answers, opened=phase in OPENED)}
        for phase in PHASES
        if by_phase[phase]
    }


def _figures(paid: Sequence[Paid], answers: Mapping[str, tuple[float, float]], *, opened: bool) -> Figures:
    """Return the figures of one phase. opened: with the primary's breaker open, so that what goes there is a trial."""
    trials = [one for one in paid if opened and one.tried_primary]
    others = [one for one in paid if one not in trials]
    return {
        "payments": len(paid),
        "answer_ms": _percentiles(_answered(paid, answers)),
        "outcome_ms": _percentiles(_known(paid)),
        "answer_ms_without_trials": _percentiles(_answered(others, answers)),
        "outcome_ms_without_trials": _percentiles(_known(others)),
        "trials": len(trials),
        "outcome_ms_of_trials": _percentiles(_known(trials)),
        "answers_lost": sum(one.was_unknown for one in paid),
        "without_outcome_yet": sum(not one.known_at for one in paid),
        "levels": _levels(paid),
    }


def _answered(paid: Iterable[Paid], answers: Mapping[str, tuple[float, float]]) -> Iterator[float]:
    return (answers[one.key][1] for one in paid if one.key in answers)


def _known(paid: Iterable[Paid]) -> Iterator[float]:
    return (one.known_at - one.created_at for one in paid if one.known_at)


def _percentiles(seconds: Iterable[float]) -> dict[str, int]:
    """Return p50, p95 and p99 in milliseconds; nothing where there is nothing."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        f"p{part}": round(1000 * ordered[min(last, len(ordered) * part // 100)]) for part in (50, 95, 99) if ordered
    }


def _slower(normal: Figures, phase: Figures) -> Figures:
    """Return by how many milliseconds answers and outcomes came later than usual, the breaker's trials aside."""
    return {
        f"{kind}, {name}": value - normal[f"{kind}_without_trials"][name]
        for kind in ("answer_ms", "outcome_ms")
        for name, value in phase[f"{kind}_without_trials"].items()
        if name != "p99"
    }


def _levels(paid: Iterable[Paid]) -> dict[str, int]:
    return dict(sorted(Counter(f"{one.status}, level {one.level}" for one in paid).items()))


def _all_ended(timeline: Timeline, paid: Iterable[Paid]) -> bool:
    """Say whether each payment that came while both were down has ended, or waits with a promise."""
    down = [one for one in paid if timeline.phase_of(one.created_at, one.created_at) == "both_down"]
    return all(one.known_at or one.was_unknown for one in down)


def _drain(ledgers: Mapping[str, Path], paid: Iterable[Paid], timeline: Timeline, ended: Mapping[str, Any]) -> Figures:
    """Return how fast accepted orders were charged once gateways were back, and how fast charges usually leave."""
    begins = {phase: began for began, phase in timeline.marks}
    queued = {one.id for one in paid if one.was_queued}
    sent = list(_requests(ledgers))
    drained = [at for at, payment_id in sent if payment_id in queued and at >= begins["back"]]
    normal = [at for at, _ in sent if begins["normal"] <= at < begins["hangs"]]
    seconds = max(drained, default=0.0) - min(drained, default=0.0)
    return {
        "orders": len(queued),
        "charges": len(drained),
        "seconds_until_empty": ended["drained"],
        "per_second": round(len(drained) / seconds, 1) if seconds else 0.0,
        "most_in_a_second": most_within(drained, 1.0),
        "normal_per_second": round(len(normal) / (begins["hangs"] - begins["normal"]), 1),
        "normal_most_in_a_second": most_within(normal, 1.0),
    }


def _requests(ledgers: Mapping[str, Path]) -> Iterator[tuple[float, str]]:
    """Yield when each charge request came to a gateway, seconds since 1970, and the payment it was for."""
    for rows in _of_each(ledgers, "SELECT at_ms, reference FROM requests"):
        yield from ((at_ms / 1000, reference) for at_ms, reference in rows)


def _double_charges(ledgers: Mapping[str, Path]) -> int:
    """Return how many payments have more than one charge over both ledgers that was taken and kept."""
    captured = _of_each(ledgers, "SELECT reference FROM charges WHERE status = 'succeeded'")
    counts = Counter(reference for rows in captured for (reference,) in rows)
    return sum(count > 1 for count in counts.values())


def _of_each(ledgers: Mapping[str, Path], query: str) -> Iterator[list[Any]]:
    for path in ledgers.values():
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            yield ledger.execute(query).fetchall()
