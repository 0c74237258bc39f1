"""One run per data folder: two supervisors over the same database file and logs would work against each other."""

import fcntl
import os
import time
from pathlib import Path

# A run that was killed needs a moment until its guard has ended what it left behind (paysite/guard.py).
PATIENCE_SECONDS = 10.0


class AlreadyRunningError(Exception):
    """Another run holds the folder."""


class RunLock:
    """An exclusive lock on a file that holds the owner's process id; the kernel releases it however the owner ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises `AlreadyRunningError` at once if the owner lives; otherwise waits for the remains of the last run to end.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._take():
            owner = os.pread(self.fd, 20, 0).decode().strip()
            if process_exists(owner) or time.monotonic() > deadline:
                os.close(self.fd)
                raise AlreadyRunningError(
                    f"Paysite is already running on {path.parent} (process {owner or 'unknown'}). "
                    "Stop it first, or give this run a folder of its own with PAYSITE_VAR."
                )
            time.sleep(0.1)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.ftruncate(self.fd, 0)
        os.close(self.fd)

    def _take(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def process_exists(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
