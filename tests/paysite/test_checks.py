"""Each check of paysite/checks.py, from the settings that a careful operator has."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from paysite import checks, environment
from paysite.checks import check_settings, refusals

SECRET = "x" * 50


def ids() -> list[str | None]:
    return [message.id for message in check_settings()]


@pytest.fixture
def production(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings.DEMO = False
    settings.DEBUG = False
    settings.SECRET_KEY = SECRET
    settings.ALLOWED_HOSTS = ["pay.example.com"]
    settings.PUBLIC_URL = "https://pay.example.com"
    settings.SMS_BACKEND = "none"
    settings.GATEWAYS = [{"name": "acme", "kind": "acme", "url": "https://acme.example", "origin": "", "secret": "s"}]
    monkeypatch.setattr(checks, "connection", SimpleNamespace(vendor="postgresql"))
    return settings


def test_the_demo_passes_as_it_comes() -> None:
    assert ids() == []


def test_production_passes_with_its_own_secret_host_address_gateway_and_database(production: Settings) -> None:
    assert ids() == []


def test_production_refuses_to_kill_itself_at_a_crash_point(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYSITE_CRASH_AT", "claim.committed:1")
    assert ids() == ["paysite.E010"]


@pytest.mark.parametrize(
    ("host", "security", "found"),
    [
        ("mail.example.com", "none", ["paysite.E015"]),
        ("mail.example.com", "starttls", []),
        ("mail.example.com", "tls", []),
        ("localhost", "none", []),
    ],
)
def test_production_refuses_to_send_mails_in_the_clear(
    production: Settings, host: str, security: str, found: list[str]
) -> None:
    production.EMAIL_HOST, production.MAIL_SECURITY = host, security
    assert ids() == found


def test_production_refuses_to_write_every_sms_to_a_folder(production: Settings) -> None:
    production.SMS_BACKEND = "file"
    assert ids() == ["paysite.E013"]


@pytest.mark.parametrize("missing", ["TWILIO_ACCOUNT", "TWILIO_TOKEN", "TWILIO_FROM"])
def test_production_refuses_twilio_without_all_that_it_needs(production: Settings, missing: str) -> None:
    production.SMS_BACKEND = "twilio"
    for name in ("TWILIO_ACCOUNT", "TWILIO_TOKEN", "TWILIO_FROM"):
        setattr(production, name, "" if name == missing else "something")
    assert ids() == ["paysite.E014"]
    setattr(production, missing, "something")
    assert ids() == []


def test_a_task_must_not_be_given_out_again_while_it_runs(settings: Settings) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "timeout": 120, "retry": 359}
    assert ids() == ["paysite.E001"]


@pytest.mark.parametrize(
    ("workers", "settle_loops", "found"), [(3, 1, []), (2, 1, ["paysite.W002"]), (3, 2, ["paysite.W002"])]
)
def test_loops_that_leave_no_worker_for_the_periodic_jobs_are_warned_of(
    settings: Settings, workers: int, settle_loops: int, found: list[str]
) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": workers}
    settings.SETTLE_LOOPS = settle_loops
    assert ids() == found


def test_a_task_must_not_be_ended_while_its_last_calls_are_under_way(settings: Settings) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "timeout": 94}
    assert ids() == ["paysite.E009"]
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "timeout": 95}
    assert ids() == []
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "timeout": 120, "retry": 360}
    assert ids() == []


def test_a_currency_that_does_not_exist_is_refused(settings: Settings) -> None:
    settings.CURRENCY_LIMITS = {"USD": (50, 100), "USX": (50, 100)}
    [message] = check_settings()
    assert (message.id, message.msg) == (
        "paysite.E002",
        "CURRENCY_LIMITS names 'USX', which is no currency of ISO 4217.",
    )


def test_production_refuses_the_demos_secret_key(production: Settings) -> None:
    production.SECRET_KEY = production.DEMO_SECRET_KEY
    assert ids() == ["paysite.E003"]


def test_production_refuses_a_short_secret_key(production: Settings) -> None:
    production.SECRET_KEY = "x" * 49
    assert ids() == ["paysite.E003"]


def test_production_refuses_a_missing_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYSITE_SECRET_KEY", raising=False)
    with pytest.raises(
        ImproperlyConfigured, match=r"^PAYSITE_SECRET_KEY is missing\. Set it to the output of: python3 "
    ):
        environment.secret("PAYSITE_SECRET_KEY", "")


def test_a_setting_that_cannot_be_read_is_told_without_a_traceback() -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "check"]
    environment = {**os.environ, "PAYSITE_DEBUG": "perhaps"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "PAYSITE_DEBUG='perhaps' is neither yes nor no. Set it to 1 or 0, or remove it.\n"


def test_production_refuses_debug(production: Settings) -> None:
    production.DEBUG = True
    assert ids() == ["paysite.E004"]


@pytest.mark.parametrize("hosts", [[], ["*"], ["pay.example.com", "*"]])
def test_production_refuses_to_serve_any_host(production: Settings, hosts: list[str]) -> None:
    production.ALLOWED_HOSTS = hosts
    assert ids() == ["paysite.E005"]


@pytest.mark.parametrize("address", ["", "http://pay.example.com", "pay.example.com", "https://"])
def test_production_refuses_an_address_that_is_not_https(production: Settings, address: str) -> None:
    production.PUBLIC_URL = address
    assert ids() == ["paysite.E006"]


def test_production_refuses_to_be_without_gateways(production: Settings) -> None:
    production.GATEWAYS = []
    assert ids() == ["paysite.E007"]


def test_production_refuses_sandbox_gateways(production: Settings) -> None:
    production.GATEWAYS = [*production.GATEWAYS, {"name": "primary", "kind": "sandbox", "url": "http://127.0.0.1:1"}]
    assert ids() == ["paysite.E008"]


def test_production_is_warned_of_the_embedded_database_but_may_use_it(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "connection", SimpleNamespace(vendor="sqlite"))
    assert ids() == ["paysite.W001"]
    assert refusals() == []


def test_every_message_says_how_to_put_it_right(production: Settings) -> None:
    production.SECRET_KEY = "short"
    production.DEBUG = True
    production.ALLOWED_HOSTS = []
    production.PUBLIC_URL = ""
    production.GATEWAYS = []
    production.Q_CLUSTER = {"workers": 3, "timeout": 60, "retry": 61}
    production.CURRENCY_LIMITS = {"XXX": (1, 2)}
    messages = check_settings()
    assert len(messages) == 8
    assert [message.hint for message in messages if not message.hint] == []
    assert len(refusals()) == 8
