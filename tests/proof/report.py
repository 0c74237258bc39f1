"""The figures of a proof, as a document and as a table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tests.proof.parts import Ran

# Results that are counts of faults which really happened, by the part's own names.
_FAULTS: Final = ("replies_cut", "resets", "drips", "requests_cut", "lost_answers", "refund_replies_cut")
# Name in the document → name in a part's result, and words for people.
_EVENTS: Final = {
    "webhooks": ("webhooks", "webhooks of gateways taken in"),
    "webhookDuplicates": ("webhook_duplicates", "of them again"),
    "webhooksRefused": ("webhooks_refused", "webhooks refused, forged or too old"),
    "eventsDelivered": ("delivered", "events delivered to the shop"),
    "deliveryTries": ("delivery_tries", "by so many requests"),
    "eventsRedelivered": ("repeated", "events that arrived there again"),
    "refunds": ("refunded", "refunds that succeeded"),
}


def document(ran: Sequence[Ran], *, seed: int, size: str, seconds: float) -> dict[str, Any]:
    """Return everything that is worth keeping of the parts that `ran`."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "size": size,
        "seconds": round(seconds, 1),
        "sigkills": sum(_kills(one) for one in ran),
        "payments": sum(_payments(one) for one in ran),
        "faults": _faults(ran),
        **{name: sum(int(one.result.get(field, 0)) for one in ran) for name, (field, _) in _EVENTS.items()},
        "acceptedLost": sum(len(one.result.get("unanswered", [])) for one in ran),
        "quietWithinVirtualSeconds": max((_quiet(one) for one in ran), default=0),
        "aims": {name: met for one in ran for name, met in one.result.get("aims", {}).items()},
        "violations": [
            {"part": one.part.name, "violation": text, "again": one.part.again()}
            for one in ran
            for text in one.violations
        ],
        "parts": [{"name": one.part.name, "seconds": one.seconds, "result": one.result} for one in ran],
    }


def table(report: dict[str, Any]) -> str:
    """Return the figures for people."""
    rows = [
        ("processes killed with SIGKILL", report["sigkills"]),
        ("payments", report["payments"]),
        *((f"faults: {name}", count) for name, count in report["faults"].items()),
        *((text, report[name]) for name, (_, text) in _EVENTS.items()),
        ("accepted requests lost", report["acceptedLost"]),
        ("longest time until quiet, virtual seconds", report["quietWithinVirtualSeconds"]),
        ("aims of the outage that were met", f"{sum(report['aims'].values())} of {len(report['aims'])}"),
        ("violations of invariants", len(report["violations"])),
        ("seconds", report["seconds"]),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {value}" for name, value in rows]
    lines += [f"NOT MET: {name}" for name, met in report["aims"].items() if not met]
    broken = report["violations"][:20]
    lines += [f"VIOLATED in {one['part']}: {one['violation'][:600]}\n  again: {one['again']}" for one in broken]
    return "\n".join(lines)


def _kills(one: Ran) -> int:
    if "sigkills" in one.result:
        return int(one.result["sigkills"])
    return sum(one.result.get("kills", {}).values())


def _payments(one: Ran) -> int:
    return int(one.result.get("accepted", one.result.get("payments", 0)))


def _quiet(one: Ran) -> float:
    return float(one.result.get("quiet_seconds", one.result.get("virtual_seconds", 0)))


def _faults(ran: Sequence[Ran]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in ran:
        for name in _FAULTS:
            if count := one.result.get(name):
                found[name] = found.get(name, 0) + int(count)
        for name, count in one.result.get("fired", {}).items():
            found[name] = found.get(name, 0) + int(count)
    return found
