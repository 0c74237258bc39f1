"""Small programs for tests of the supervisor, run by this Python."""

import sys
from pathlib import Path

# Starts a worker of its own as django-q2 does, tells both process ids, and then works until told to stop.
WITH_WORKER = """
import os, pathlib, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {worker.pid}")
time.sleep(300)
"""
# The same, but deaf: neither the program nor its worker listens to SIGTERM.
DEAF = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {worker.pid}")
time.sleep(300)
"""
ENDS = "import sys; print('cannot go on'); sys.exit(3)"
FINISHES = """
import pathlib, signal, sys, time
def finish(*_):
    time.sleep(0.5)
    pathlib.Path(sys.argv[1]).write_text("finished")
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
pathlib.Path(sys.argv[1]).write_text("working")
time.sleep(300)
"""
# Adds its name to a list when it is told to stop.
SIGNS_OFF = """
import pathlib, signal, sys, time
order, started = map(pathlib.Path, sys.argv[1:])
def end(*_):
    with order.open("a") as names:
        names.write(f"{started.name} ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
started.touch()
time.sleep(300)
"""


def command(source: str, *arguments: Path) -> list[str]:
    return [sys.executable, "-c", source, *map(str, arguments)]
