"""`python -m tests.invariants`: print every violation; exit with 1 if there is one."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.invariants.checker import GRACE, check
from tests.invariants.evidence import Evidence


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    evidence = Evidence(options.database, dict(options.gateway), tuple(options.history))
    found = check(evidence, quiet=options.quiet, grace=options.grace)
    for violation in found:
        print(violation)
    print(f"{len(found)} violations")
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.invariants", description="Check what must be true of Paysite whatever happened."
    )
    parser.add_argument("--database", required=True, help="postgresql://… or sqlite:///absolute/path")
    parser.add_argument(
        "--gateway",
        required=True,
        action="append",
        type=_gateway,
        metavar="NAME=FILE",
        help="a gateway and its ledger; repeatable",
    )
    parser.add_argument("--history", action="append", type=Path, default=[], metavar="FILE", help="repeatable")
    parser.add_argument("--quiet", action="store_true", help="nothing is under way: check also what is true at rest")
    parser.add_argument("--grace", type=float, default=GRACE, help="seconds until an extra charge must be noticed")
    return parser


def _gateway(value: str) -> tuple[str, Path]:
    name, equals, path = value.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError("must be NAME=FILE")
    return name, Path(path)


if __name__ == "__main__":
    sys.exit(main())
