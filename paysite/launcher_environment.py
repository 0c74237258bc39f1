"""Makes the virtual environment `.venv` with exactly the locked packages, once per change of the locks."""

import contextlib
import fcntl
import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANAGE = ROOT / "manage.py"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def make(requirements: str) -> Path:
    """Return the environment's Python once it has the packages of the lock file; raise SetupError if that fails."""
    with _alone():
        stamp = VENV / f".installed-{requirements}"
        if PYTHON.exists() and stamp.exists() and stamp.read_text() == _fingerprint():
            return PYTHON
        if not _works():
            _create()
        print(f"Installing the packages of {requirements} …", flush=True)
        pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes"]
        if subprocess.run([*pip, "-r", str(ROOT / requirements)], check=False).returncode:
            raise SetupError(
                f"pip could not install the packages of {requirements}; its message is above. Most often the package "
                "index cannot be reached: check the network, or pip's index-url and proxy settings, and try again."
            )
        stamp.write_text(_fingerprint())
    return PYTHON


def _fingerprint() -> str:
    """Return what an environment depends on: all lock files (they share packages), Python, and the folder."""
    digest = hashlib.sha256(f"{sys.version}\n{VENV}\n".encode())
    for lock in sorted(ROOT.glob("requirements*.txt")):
        digest.update(lock.read_bytes())
    return digest.hexdigest()


def _works() -> bool:
    """Say whether there is an environment of this Python, here, that runs; a copied folder's does not."""
    config = VENV / "pyvenv.cfg"
    if not (PYTHON.exists() and config.exists()):
        return False
    version = ".".join(map(str, sys.version_info[:2]))
    ask = "import sys, pip; print('%d.%d' % sys.version_info[:2], sys.prefix)"
    answer = subprocess.run([str(PYTHON), "-c", ask], check=False, capture_output=True, text=True)
    return answer.stdout.strip() == f"{version} {VENV}"


def _create() -> None:
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        version = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(
            "This Python cannot make virtual environments: its venv module is missing. On Debian or Ubuntu: "
            f"apt-get install python{version}-venv"
        )
    print("Making the environment in .venv …", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False).returncode:
        raise SetupError(f"The environment could not be made in {VENV}; the reason is above.")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let only one process at a time make the environment, as two at once would spoil it."""
    path = ROOT / "var" / "environment.lock"
    try:
        path.parent.mkdir(exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise SetupError(f"The folder {ROOT} cannot be written to: {error.strerror}.") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
