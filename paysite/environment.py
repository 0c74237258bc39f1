"""Reads settings from the environment and refuses nonsense with a sentence that says how to fix it."""

import json
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from payments import money


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def secret(name: str, default: str) -> str:
    """Read a secret; without `default` it must be set, as nothing safe can be made up."""
    value = text(name, default)
    if not value:
        raise ImproperlyConfigured(
            f"{name} is missing. Set it to the output of: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    return value


def flag(name: str, *, default: bool) -> bool:
    """Read a yes/no setting: 1, true, yes, on or 0, false, no, off."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither yes nor no. Set it to 1 or 0, or remove it.")


def integer(name: str, default: int, *, least: int, most: int) -> int:
    """Read a whole number between `least` and `most`."""
    value = text(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number. Set it to {least} … {most}.") from None
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name}={number} is out of range. Set it to {least} … {most}.")
    return number


def words(name: str, default: str = "") -> list[str]:
    """Read a list separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def routes(name: str) -> list[dict[str, Any]]:
    """Read routing rules: a JSON list, the members of each rule as payments/reliability/routing.py reads them."""
    value = text(name)
    if not value:
        return []
    try:
        rules = json.loads(value)
    except ValueError:
        rules = None
    if not isinstance(rules, list) or not all(_is_route(rule) for rule in rules):
        raise ImproperlyConfigured(
            f'{name} is no list of routing rules. Set it like [{{"currencies": ["EUR"], "from": 0, "to": 99999, '
            '"shares": {"primary": 90, "secondary": 10}}]; amounts in minor units; only "shares" is required.'
        )
    return rules


def _is_route(rule: Any) -> bool:
    if not isinstance(rule, dict) or not rule.keys() <= {"currencies", "from", "to", "shares"}:
        return False
    shares, currencies = rule.get("shares"), rule.get("currencies", [])
    return (
        isinstance(shares, dict)
        and bool(shares)
        and all(type(share) is int and share >= 0 for share in shares.values())
        and isinstance(currencies, list)
        and all(isinstance(code, str) for code in currencies)
        and all(type(rule.get(bound, 0)) is int for bound in ("from", "to"))
    )


def amounts(name: str, default: dict[str, str]) -> dict[str, int]:
    """Read amounts per currency, such as `USD=50.00, JPY=5000`, as minor units; it replaces the default wholly."""
    value = text(name)
    pairs = [pair.partition("=") for pair in words(name)] if value else [(c, "=", a) for c, a in default.items()]
    try:
        return {currency.strip(): money.parse_minor(amount.strip(), currency.strip()) for currency, _, amount in pairs}
    except money.MoneyError as error:
        raise ImproperlyConfigured(
            f"{name}={value!r} is no list of amounts ({error}) Set it like: USD=50.00, JPY=5000, KWD=15.000."
        ) from None


def in_all_currencies(units: int) -> dict[str, str]:
    """Return amounts of about the same worth in the currencies of the default settings; `units` of the dollar."""
    return {
        **dict.fromkeys(("USD", "EUR", "GBP", "CHF"), f"{units}.00"),
        "JPY": str(units * 100),
        "KWD": f"{units * 3 // 10}.000",
    }


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is not known. Set it to one of: {', '.join(allowed)}.")
    return value


# Nothing waits without an end: not for a server that is gone, not for a lock that somebody forgot. Seconds; in
# `options`, milliseconds. What is in DATABASE_URL's query replaces these.
_POSTGRESQL: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    # Statements here are short: compiling one takes longer than running it.
    "options": "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000 -c jit=off",
}


def database(url: str, var: Path) -> dict[str, Any]:
    """Return Django's database settings: PostgreSQL where `url` says so, else the embedded SQLite (requirement H3)."""
    if not url:
        return sqlite(var / "paysite.sqlite3")
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return sqlite(Path(unquote(parts.path)))
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            f"DATABASE_URL starts with {parts.scheme!r}. Use postgresql://user:password@host:port/name, or remove it "
            "for the embedded database."
        )
    if len(parts.path) < 2:
        raise ImproperlyConfigured("DATABASE_URL names no database. Use postgresql://user:password@host:port/name.")
    return {
        "ENGINE": "paysite.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        # At 0 every request and every enqueued task would open a connection of its own: ten times slower.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**_POSTGRESQL, **dict(parse_qsl(parts.query))},
    }


def sqlite(path: Path) -> dict[str, Any]:
    """Return settings under which several processes may write to one SQLite file without "database is locked".

    IMMEDIATE takes the write lock at the start of a transaction, where waiting is possible; FULL survives a power cut.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # A shared-cache memory database would not see the locks of several processes: tests use a file, too.
        "TEST": {"NAME": path.with_name(f"test-{path.name}")},
    }
