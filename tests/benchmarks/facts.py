"""What a reader must know about a measurement: the machine, the versions, the time."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.scene import POSTGRES, Scene

_PACKAGES: Final = ("Django", "djangorestframework", "granian", "psycopg", "django-q2", "requests")


def facts(scene: Scene) -> dict[str, Any]:
    """Return them, ready for JSON. Times in UTC."""
    from django.conf import settings

    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "machine": {
            "processor": _line("/proc/cpuinfo", "model name"),
            "processors": os.cpu_count(),
            "memory": _line("/proc/meminfo", "MemTotal"),
            "system": platform.platform(),
            "fileSystem": _file_system(scene.folder),
        },
        "versions": {
            "python": platform.python_version(),
            "postgresql": scene.ask("limit", "SHOW server_version"),
            **{name: version(name) for name in _PACKAGES},
        },
        "settings": {
            "postgresql": POSTGRES,
            "webWorkers": settings.WEB_WORKERS,
            "webThreads": settings.WEB_THREADS,
            "settleLoops": settings.SETTLE_LOOPS,
            "settleThreads": settings.SETTLE_THREADS,
        },
    }


def _line(path: str, name: str) -> str:
    """Return what a file of /proc says of `name`; empty where there is no such file."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((" ".join(line.partition(":")[2].split()) for line in lines if line.startswith(name)), "")


def _file_system(folder: Path) -> str:
    """Return the kind of file system that `folder` is on: on a tmpfs, fsync would cost nothing."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    above = [(place, kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(above, key=lambda mount: len(mount[0]))[1] if above else ""
