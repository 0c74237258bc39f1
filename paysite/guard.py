"""Ends what a process has started when that process can no longer do so itself (it was killed, say).

A guard is a small process of its own that holds the read end of a pipe. The kernel closes the other end when the
owner ends, however it ends; the guard then stops every process group that it was told about. Children cannot do this
themselves: workers of django-q2 and of the web server are grandchildren, and nothing tells them that the supervisor
is gone. Standard library only: the test runner uses it before anything is installed.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 4.0


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a whole process group; a group that has ended already is no error."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class Guard:
    """The owner's side: tell the guard which process groups must not outlive this process."""

    def __init__(self, *, keep_open: tuple[int, ...] = (), remove: Path | None = None) -> None:
        """Start the guard.

        File descriptors in `keep_open` (a lock, say) stay open until the guard has finished; the file `remove`, which
        is true only while the owner lives, is deleted when the owner ends.
        """
        # Neither end is inheritable: a child that held the writing end would keep the guard waiting for ever.
        reading_end, self._pipe = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).resolve()), *([str(remove)] if remove else [])],
            stdin=reading_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=keep_open,
            start_new_session=True,
        )
        os.close(reading_end)

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the guard; it stops what it still watches, which takes up to `GRACE_SECONDS`."""
        os.close(self._pipe)
        self._process.wait()

    def _tell(self, line: str) -> None:
        with suppress(BrokenPipeError):
            os.write(self._pipe, line.encode())


def stop_groups(groups: set[int], grace: float = GRACE_SECONDS) -> None:
    """Ask every group to end, wait `grace` seconds, and kill what is left."""
    for group in groups:
        signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(group_exists(group) for group in groups):
        time.sleep(0.05)
    for group in groups:
        signal_group(group, signal.SIGKILL)


def main() -> None:
    """Follow the owner's list of groups until its end of the pipe closes; then stop what is still on the list.

    Files named as arguments are deleted first.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for path in sys.argv[1:]:
        Path(path).unlink(missing_ok=True)
    stop_groups(groups)


if __name__ == "__main__":
    main()
