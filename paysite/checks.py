"""Refuses unsafe or impossible settings at start (requirement G6); every message says how to put it right.

Ids: paysite.E… stop the start, paysite.W… are printed. Django runs these with `manage.py check` and before every
command; paysite/wsgi.py asks again, because a web server may be started without a command.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import DEFAULT_DB_ALIAS, connection

from payments import crash_points, money
from payments.reliability import calls
from payments.services import loops, wake
from paysite import standing_guards

SHORTEST_SECRET = 50


@checks.register("paysite")
def check_settings(**_: Any) -> list[CheckMessage]:
    """Return everything that is wrong with the settings."""
    found = [*_queue(), *_workers(), *_currencies(), *_routes()]
    if not settings.DEMO:
        found += [*_secrets(), *_exposure(), *_gateways(), *_database(), *_crash_points(), *_mail(), *_sms()]
    return found


@checks.register("paysite", checks.Tags.database)
def check_guards(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Return a warning where triggers are missing; asked by `migrate`, which brings them, and `check --database`.

    No error, which would stop the very `migrate` that puts it right; what refuses is the settle loop's start, and
    `/health/ready`.
    """
    names = standing_guards.missing_of_existing_tables() if DEFAULT_DB_ALIAS in (databases or ()) else []
    if not names:
        return []
    words = f"The database lacks the triggers {', '.join(names)}: refunds could exceed what was captured."
    return [checks.Warning(words, hint=standing_guards.REMEDY, id="paysite.W003")]


def refusals() -> list[str]:
    """Return the errors (not the warnings) as text."""
    return [str(message) for message in check_settings() if message.is_serious()]


def _queue() -> Iterator[CheckMessage]:
    timeout, retry = settings.Q_CLUSTER["timeout"], settings.Q_CLUSTER["retry"]
    if retry < 3 * timeout:
        yield Error(
            f"Q_CLUSTER retries a task after {retry} s although it may run for {timeout} s.",
            hint=f"Set retry to {3 * timeout} or more, or running tasks are given out a second time.",
            id="paysite.E001",
        )
    needed = loops.RUN_FOR + calls.budget() + 5
    if timeout < needed:
        yield Error(
            f"Q_CLUSTER ends a task after {timeout} s, but a settle loop and its last calls may take {needed:.0f} s.",
            hint=f"Set timeout to {needed:.0f} or more, or lower PAYSITE_GATEWAY_DEADLINE.",
            id="paysite.E009",
        )


def _workers() -> Iterator[CheckMessage]:
    workers, slots = settings.Q_CLUSTER["workers"], len(wake.every_slot())
    if workers <= slots:
        yield checks.Warning(
            f"PAYSITE_WORKERS is {workers}, and {slots} loops run all the time: periodic jobs have to wait for a gap.",
            hint=f"Set it to {slots + 1} or more, unless other nodes have workers, too.",
            id="paysite.W002",
        )


def _currencies() -> Iterator[CheckMessage]:
    for code in settings.CURRENCY_LIMITS:
        if code not in money.EXPONENTS:
            yield Error(
                f"CURRENCY_LIMITS names {code!r}, which is no currency of ISO 4217.",
                hint="Correct the code, or remove the line.",
                id="paysite.E002",
            )


def _routes() -> Iterator[CheckMessage]:
    known = {str(gateway["name"]) for gateway in settings.GATEWAYS}
    for number, rule in enumerate(settings.ROUTES, 1):
        if strange := sorted(set(rule["shares"]) - known):
            yield Error(
                f"Rule {number} of PAYSITE_ROUTES names {', '.join(strange)}, which is no gateway here.",
                hint=f"Name only: {', '.join(sorted(known))}.",
                id="paysite.E011",
            )
        if rule.get("from", 0) > rule.get("to", rule.get("from", 0)):
            yield Error(
                f"Rule {number} of PAYSITE_ROUTES fits no amount: its from is above its to.",
                hint="Correct the amounts, which are in minor units, or remove the rule.",
                id="paysite.E012",
            )


def _secrets() -> Iterator[CheckMessage]:
    key = settings.SECRET_KEY
    if key == settings.DEMO_SECRET_KEY or len(key) < SHORTEST_SECRET:
        yield Error(
            "PAYSITE_SECRET_KEY is the demo's or shorter than 50 characters.",
            hint=(
                "Set it to the output of: "
                "python3 -c 'import secrets; print(secrets.token_urlsafe(50))', and keep it secret."
            ),
            id="paysite.E003",
        )


def _exposure() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Error(
            "PAYSITE_DEBUG is on in production: error pages would show settings and customers' data.",
            hint="Remove PAYSITE_DEBUG or set it to 0.",
            id="paysite.E004",
        )
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "PAYSITE_HOSTS does not say under which host names this site is reached.",
            hint="List them, separated by commas, for example PAYSITE_HOSTS=pay.example.com; '*' is not accepted.",
            id="paysite.E005",
        )
    address = urlsplit(settings.PUBLIC_URL)
    if address.scheme != "https" or not address.hostname:
        yield Error(
            f"PAYSITE_PUBLIC_URL is {settings.PUBLIC_URL!r}, but customers must come by https.",
            hint="Set it to the address customers use, for example PAYSITE_PUBLIC_URL=https://pay.example.com",
            id="paysite.E006",
        )


def _mail() -> Iterator[CheckMessage]:
    if settings.MAIL_SECURITY == "none" and settings.EMAIL_HOST not in {"localhost", "127.0.0.1", "::1"}:
        yield Error(
            f"E-mails would go to {settings.EMAIL_HOST} in the clear, with links that only the customer may have.",
            hint="Set PAYSITE_MAIL_SECURITY to starttls or tls, as the mail server offers it.",
            id="paysite.E015",
        )


def _sms() -> Iterator[CheckMessage]:
    if settings.SMS_BACKEND == "file":
        yield Error(
            "PAYSITE_SMS is file in production: every SMS would be written to a folder, and none sent.",
            hint="Set it to none or twilio.",
            id="paysite.E013",
        )
    is_complete = settings.TWILIO_ACCOUNT and settings.TWILIO_TOKEN and settings.TWILIO_FROM
    if settings.SMS_BACKEND == "twilio" and not is_complete:
        yield Error(
            "PAYSITE_SMS is twilio, but account, token or sender is missing.",
            hint="Set PAYSITE_TWILIO_ACCOUNT, PAYSITE_TWILIO_TOKEN and PAYSITE_TWILIO_FROM.",
            id="paysite.E014",
        )


def _crash_points() -> Iterator[CheckMessage]:
    if crash_points.VARIABLE in os.environ:
        yield Error(
            f"{crash_points.VARIABLE} is set in production: it makes processes kill themselves, for tests.",
            hint=f"Remove {crash_points.VARIABLE}.",
            id="paysite.E010",
        )


def _gateways() -> Iterator[CheckMessage]:
    if not settings.GATEWAYS:
        yield Error(
            "No gateway is set: no payment could ever be settled.",
            hint="Set up at least one gateway; docs/settings.md says how.",
            id="paysite.E007",
        )
    sandboxes = [gateway["name"] for gateway in settings.GATEWAYS if gateway["kind"] == "sandbox"]
    if sandboxes:
        yield Error(
            f"Sandbox gateways are set in production: {', '.join(sandboxes)}. They take no money.",
            hint="Remove PAYSITE_PRIMARY_URL and PAYSITE_SECONDARY_URL, and set up a real gateway.",
            id="paysite.E008",
        )


def _database() -> Iterator[CheckMessage]:
    if connection.vendor == "sqlite":
        yield checks.Warning(
            "The embedded database serves one machine only, and has no copy on another.",
            hint="Set DATABASE_URL=postgresql://user:password@host:port/name before the shop grows.",
            id="paysite.W001",
        )
