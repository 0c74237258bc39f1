"""`python3 -m tests.sweep`: runs the truncation sweep on one empty database and prints its result as JSON.

The database is the one that DATABASE_URL names, or without it an embedded one of its own.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict


def main() -> int:
    """Return 0 where nothing was violated."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.sweep")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="the share of all bytes at which replies are cut")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paysite-sweep-") as folder:
        os.environ.update(PAYSITE_MODE="demo", PAYSITE_VAR=folder, DJANGO_SETTINGS_MODULE="paysite.settings")
        import django

        django.setup()
        from django.core.management import call_command

        from tests.sweep.sweep import run

        call_command("migrate", verbosity=0, interactive=False)
        result = run(options.seed, options.share)
    print(json.dumps(asdict(result), indent=2))
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
