"""`python3 -m paysite run|test|bench`, from any folder. Parses under older Pythons, too, to say what is missing."""

import os
import shutil
import sys
from pathlib import Path

OLDEST = (3, 11)
FILE = Path(__file__).resolve()


def main() -> None:
    if sys.version_info < OLDEST:
        found = [shutil.which(f"python3.{minor}") for minor in (13, 12, 11)]
        newer = next(filter(None, found), None)
        if newer is None:
            sys.exit(f"Paysite needs Python 3.11 or newer; this is {sys.version.split()[0]}. Please install one.")
        os.execv(newer, [newer, str(FILE), *sys.argv[1:]])  # noqa: S606
    sys.path = [str(FILE.parent.parent), *(path for path in sys.path if path != str(FILE.parent))]
    from paysite.launcher import launch

    sys.exit(launch(sys.argv[1:]))


if __name__ == "__main__":
    main()
