"""`python3 -m tests.crashes`: runs the crash suite on one empty database and prints its result as JSON.

The database is the one that DATABASE_URL names, or without it an embedded one of its own.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.sandbox import sandbox_process
from tests.support.inbox import inbox_process

DEMO_SECRET = "sk_sandbox_demo"


def main() -> int:
    """Return 0 where no invariant was violated and every point was hit."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.crashes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=600, help="stop after so many seconds all the same")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paysite-crashes-") as name:
        folder = Path(name)
        with (
            sandbox_process(folder / "gateway.sqlite3", secret=DEMO_SECRET) as gateway,
            inbox_process(folder / "inbox.log") as inbox,
        ):
            _set_up(folder, gateway.url)
            from tests.crashes.scene import play

            result = play(folder, gateway, inbox, seed=options.seed, kills=options.kills, seconds=options.seconds)
    print(json.dumps(asdict(result), indent=2))
    return 1 if result.violations or result.never_hit else 0


def _set_up(folder: Path, gateway_url: str) -> None:
    os.environ.update(
        PAYSITE_MODE="demo",
        PAYSITE_VAR=str(folder),
        PAYSITE_PRIMARY_URL=gateway_url,
        PAYSITE_SECONDARY_URL="",
        # Short, so that leases are; and no second try, so that what gets lost soon ends.
        PAYSITE_READ_TIMEOUT="1",
        PAYSITE_GATEWAY_DEADLINE="2",
        PAYSITE_MAX_RETRIES="0",
        PAYSITE_PAYMENT_EXPIRY_MINUTES="5",
        DJANGO_SETTINGS_MODULE="paysite.settings",
    )
    import django

    django.setup()


if __name__ == "__main__":
    sys.exit(main())
