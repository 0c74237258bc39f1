"""`python -m tests.storm --seed 7 --payments 500 --seconds 60`: raises one storm and prints its figures as JSON."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.postgres import private_postgres

# Clients, loops and settling together hold fewer connections than this, even with two generations of a cluster.
_POSTGRES = {"max_connections": "300", "shared_buffers": "128MB"}


@contextmanager
def database() -> Iterator[str]:
    """Yield DATABASE_URL where it is set (empty: the embedded database), else that of a private PostgreSQL."""
    if "DATABASE_URL" in os.environ:
        yield os.environ["DATABASE_URL"]
        return
    with private_postgres(settings=_POSTGRES) as url:
        yield url


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payments", type=int, default=500, help="orders to pay")
    parser.add_argument("--seconds", type=float, default=60, help="how long the storm rages")
    parser.add_argument("--keep", type=Path, help="folder for ledgers, histories and logs; it must not exist")
    parser.add_argument("--no-doubles", action="store_true", help="the gateway charges no key twice")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.keep:
            options.keep.mkdir(parents=True)
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paysite-storm-")))
        folder = folder.resolve()
        os.environ.update(DJANGO_SETTINGS_MODULE="paysite.settings", PAYSITE_VAR=str(folder))
        url = stack.enter_context(database())
        from tests.storm.run import run

        result = run(options.seed, options.payments, options.seconds, url, folder, doubles=not options.no_doubles)
    print(result.as_json())
    clean = not (result.violations or result.unfinished or result.unanswered)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
