"""The figures as a table, as var/bench.json, and as a part of docs/performance.md."""

import json
from pathlib import Path
from typing import Any, Final

BEGIN: Final = "<!-- figures: written by `make bench ARGS=--write-docs` -->"
END: Final = "<!-- end of figures -->"
ACCEPT_AIM: Final = 0.25
SETTLE_AIM: Final = 300
WEBHOOK_AIM_MS: Final = 100


def table(found: dict[str, Any]) -> str:
    """Return the figures as a Markdown table, which is also fit for a terminal."""
    accept, replay, settle = found["accept"], found["replay"], found["settle"]
    latency = found["options"]["latencyMs"]
    lines = [
        ("", "per second", "the database's limit", "ratio", "aim"),
        ("---", "---:", "---:", "---:", "---"),
        ("accepted", *_rates(accept), _verdict(f"≥ {ACCEPT_AIM:.0%}", met=accept["ratio"] >= ACCEPT_AIM)),
        ("replayed", f"{replay['perSecond']:,.0f}", "", "", ""),
        (
            f"settled, gateway takes {latency:.0f} ms",
            *_rates(settle),
            _verdict(f"≥ {SETTLE_AIM}/s", met=settle["perSecond"] >= SETTLE_AIM),
        ),
        ("webhooks taken in", f"{found['webhooks']['perSecond']:,.0f}", "", "", ""),
        (
            "webhooks, 99 of 100 within",
            f"{found['webhooks']['p99Ms']:.0f} ms",
            "",
            "",
            _verdict(f"< {WEBHOOK_AIM_MS} ms", met=found["webhooks"]["p99Ms"] < WEBHOOK_AIM_MS),
        ),
        ("refunds requested", f"{found['refund']['requestedPerSecond']:,.0f}", "", "", ""),
        (f"refunds made, gateway takes {latency:.0f} ms", f"{found['refund']['perSecond']:,.0f}", "", "", ""),
        ("events delivered", f"{found['deliver']['perSecond']:,.0f}", "", "", ""),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def details(found: dict[str, Any]) -> str:
    """Return where the processors' time went, and what was checked."""
    accept, settle, checks = found["accept"], found["settle"], found["checks"]
    speed = (
        f"Accepting took {accept['medianMs']:.0f} ms (median) and {accept['p99Ms']:.0f} ms (99 of 100) over "
        f"{found['options']['connections']} connections."
    )
    cores = f"Processors kept busy while accepting: {_cores(accept)}; while settling: {_cores(settle)}."
    checked = (
        f"Checked: {found['accepted']:,} accepted requests have exactly one payment, order, key and audit entry each; "
        f"{checks['payments']:,} settled payments have exactly one charge each in the gateway's own ledger "
        f"({checks['charges']:,} charges), all successful and all booked."
    )
    told = (
        f"A burst of {found['webhooks']['events']:,} webhooks over {found['options']['connections']} connections was "
        f"applied {found['webhooks']['appliedAfterSeconds']:.0f} s after the last of them was taken in, all of them; "
        f"{found['deliver']['events']:,} events were delivered to one endpoint, {found['deliver']['repeated']} of them "
        f"more than once. {found['refund']['refunds']:,} refunds were requested and made, each once by the gateway's "
        "own ledger."
    )
    return f"{speed}\n\n{told}\n\n{cores}\n\n{checked}"


def write(found: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def write_docs(found: dict[str, Any], page: Path) -> None:
    """Replace the part of the page between the two marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{page} lacks the marks between which the figures go.")
    machine, versions = found["machine"], found["versions"]
    where = (
        f"{found['at'][:10]}, {machine['processors']} processors ({machine['processor']}), {machine['memory']}, "
        f"{machine['fileSystem']}; Python {versions['python']}, PostgreSQL {versions['postgresql'].split()[0]}, "
        f"Django {versions['Django']}, granian {versions['granian']}, psycopg {versions['psycopg']}."
    )
    page.write_text(f"{before}{BEGIN}\n\n{table(found)}\n\n{details(found)}\n\nMeasured on {where}\n\n{END}{after}")


def _rates(part: dict[str, Any]) -> tuple[str, str, str]:
    return f"{part['perSecond']:,.0f}", f"{part['limitPerSecond']:,.0f}", f"{part['ratio']:.0%}"


def _verdict(aim: str, *, met: bool) -> str:
    return f"{aim}: {'met' if met else 'missed'}"


def _cores(part: dict[str, Any]) -> str:
    names = {"loadGenerator": "load generator", "cluster": "settle loop"}
    return ", ".join(f"{names.get(name, name)} {cores:.2f}" for name, cores in part["cores"].items())
