"""`python -m tests.outage --rate 8 --seconds 60`: lets gateways fail under load, and prints the figures as JSON."""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.storm.__main__ import database


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.outage", description=__doc__)
    parser.add_argument("--rate", type=int, default=8, help="payments a second")
    parser.add_argument("--seconds", type=float, default=60, help="how long payments arrive; the queue drains after it")
    parser.add_argument("--keep", type=Path, help="folder for ledgers, histories and logs; it must not exist")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.keep:
            options.keep.mkdir(parents=True)
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paysite-outage-")))
        folder = folder.resolve()
        os.environ.update(DJANGO_SETTINGS_MODULE="paysite.settings", PAYSITE_VAR=str(folder))
        url = stack.enter_context(database())
        from tests.outage.load import run

        result = run(options.rate, options.seconds, url, folder)
    print(result.as_json())
    clean = not (result.violations or result.unfinished or result.unanswered or result.double_charges)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
