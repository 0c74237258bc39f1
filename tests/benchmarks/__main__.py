"""`make bench`: how fast payments are accepted and settled on this machine, beside the database's own limit.

Everything is real: a private PostgreSQL with durable commits, the web server, the django-q2 cluster and a sandbox
gateway in processes of their own, all on this one machine. docs/performance.md explains the figures.
"""

import argparse
import os
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import report
from tests.benchmarks.facts import facts
from tests.benchmarks.scene import Scene, scene

ROOT: Final = Path(__file__).resolve().parents[2]


def main() -> None:
    options = _options()
    target = Path(os.environ.get("PAYSITE_VAR") or ROOT / "var") / "bench.json"
    with scene() as where:
        found = _measure(where, options)
    report.write(found, target)
    print(f"\n{report.table(found)}\n\n{report.details(found)}\n\nWritten to {target}.")
    if options.write_docs:
        report.write_docs(found, ROOT / "docs" / "performance.md")


def _measure(where: Scene, options: argparse.Namespace) -> dict[str, Any]:
    # These read Django's settings, which the scene has just made.
    from tests.benchmarks.accepting import Pace, accepting
    from tests.benchmarks.delivering import delivering
    from tests.benchmarks.limit import Limit
    from tests.benchmarks.refunding import refunding
    from tests.benchmarks.settling import settling
    from tests.benchmarks.taking_in import taking_in
    from tests.benchmarks.writes import listen

    limit = Limit(where, listen(where.client_id), options.connections)
    pace = Pace(seconds=options.seconds, rounds=options.rounds, connections=options.connections)
    print(f"Accepting over {pace.connections} connections, {pace.rounds} × {pace.seconds:.0f} s …", flush=True)
    found = accepting(where, limit, pace)
    settle_pace = Pace(seconds=pace.seconds, rounds=options.settle_rounds, connections=pace.connections)
    print(f"Settling {settle_pace.rounds} × {options.payments} payments …", flush=True)
    found |= settling(where, limit, settle_pace, options.payments, options.latency_ms)
    print(f"Taking in {options.webhooks} webhooks in a burst, delivering as many events …", flush=True)
    found["webhooks"] = taking_in(where, pace, options.webhooks)
    found["deliver"] = delivering(where, options.webhooks)
    print(f"Refunding {options.refunds} payments …", flush=True)
    found["refund"] = refunding(where, pace, options.refunds, options.latency_ms)
    chosen = {"seconds": pace.seconds, "rounds": pace.rounds, "connections": pace.connections}
    chosen |= {"payments": options.payments, "settleRounds": options.settle_rounds, "latencyMs": options.latency_ms}
    chosen |= {"webhooks": options.webhooks, "refunds": options.refunds}
    return facts(where) | {"options": chosen} | found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6, help="length of each measurement of accepting (6)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of accepting (5)")
    parser.add_argument("--connections", type=int, default=32, help="clients that accept at once (32)")
    parser.add_argument("--payments", type=int, default=8000, help="payments that are settled in each measurement")
    parser.add_argument("--settle-rounds", type=int, default=3, help="measurements of settling (3)")
    parser.add_argument("--latency-ms", type=float, default=150, help="milliseconds the gateway takes (150)")
    parser.add_argument("--webhooks", type=int, default=10_000, help="webhooks in the burst, and events delivered")
    parser.add_argument("--refunds", type=int, default=2000, help="payments that are refunded (2000)")
    parser.add_argument("--quick", action="store_true", help="a look within half a minute instead of all this")
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds, options.payments, options.settle_rounds = 2, 1, 1200, 1
        options.webhooks, options.refunds = 1000, 300
    return options


if __name__ == "__main__":
    main()
