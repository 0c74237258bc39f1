"""What a run starts, and what its programs are told about each other."""

import json
from argparse import ArgumentParser
from typing import Any

import pytest
from django.conf import settings

from paysite.management.commands.run import Command, plan_of
from paysite.running.heartbeat import Heartbeat
from paysite.running.plan import Plan
from paysite.running.ports import PortTakenError
from paysite.supervisor import Program


def planned(*arguments: str) -> Plan:
    parser = ArgumentParser()
    Command().add_arguments(parser)  # type: ignore[arg-type]
    options: dict[str, Any] = vars(parser.parse_args(arguments))
    return plan_of(options)


def programs(plan: Plan) -> dict[str, Program]:
    return {each.name: each for each in plan.programs(Heartbeat(lambda: None, lambda: None, limit=1))}


def test_a_demo_run_has_gateways_and_an_inbox_above_its_port() -> None:
    plan = planned("--port", "9000")
    assert (plan.gateways, plan.inbox_url) == ({"primary": 9011, "secondary": 9012}, "http://127.0.0.1:9013")
    assert list(programs(plan)) == ["gateway-primary", "gateway-secondary", "inbox", "cluster", "web"]
    assert [probe.name for probe in plan.probes()] == ["gateway-primary", "gateway-secondary", "inbox", "web"]


def test_each_gateway_sends_its_events_to_the_web_server_and_the_secret_is_on_no_command_line() -> None:
    started = programs(planned("--port", "9000"))
    for name in ("primary", "secondary"):
        gateway = started[f"gateway-{name}"]
        url = gateway.command[list(gateway.command).index("--webhook-url") + 1]
        assert url == f"http://127.0.0.1:9000/webhooks/{name}"
        assert gateway.environment["SANDBOX_WEBHOOK_SECRET"] == settings.DEMO_WEBHOOK_SECRET
    assert settings.DEMO_WEBHOOK_SECRET not in json.dumps([list(each.command) for each in started.values()])


def test_all_programs_know_the_inbox() -> None:
    started = programs(planned("--port", "9000", "--inbox-port", "9100"))
    assert {each.environment["PAYSITE_INBOX_URL"] for each in started.values()} == {"http://127.0.0.1:9100"}


def test_a_demo_has_a_team_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYSITE_ALERT_EMAILS", raising=False)
    plan = planned("--port", "9000")
    assert {each.environment["PAYSITE_ALERT_EMAILS"] for each in programs(plan).values()} == {"team@paysite.example"}
    assert set(plan.environment()) == {
        *("PAYSITE_PRIMARY_URL", "PAYSITE_SECONDARY_URL", "PAYSITE_PUBLIC_URL", "PAYSITE_INBOX_URL"),
        "PAYSITE_ALERT_EMAILS",
    }


@pytest.mark.parametrize("given", ["ops@shop.test", ""])
def test_whom_the_operator_names_is_told_alone(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("PAYSITE_ALERT_EMAILS", given)
    plan = planned("--port", "9000")
    assert "PAYSITE_ALERT_EMAILS" not in plan.environment()
    assert plan.full_environment()["PAYSITE_ALERT_EMAILS"] == given


def test_a_real_mail_server_gets_no_mail_to_a_made_up_team(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYSITE_ALERT_EMAILS", raising=False)
    monkeypatch.delattr(settings, "EMAIL_FILE_PATH")
    assert "PAYSITE_ALERT_EMAILS" not in planned("--port", "9000").environment()


def test_the_inbox_cannot_have_the_port_of_another_program() -> None:
    with pytest.raises(PortTakenError, match="9000, 9011, 9012, 9011 must be different"):
        planned("--port", "9000", "--inbox-port", "9011")


def test_production_has_neither_gateways_nor_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DEMO", False)
    started = programs(planned("--port", "9000"))
    assert list(started) == ["cluster", "web"]
    assert started["web"].environment == {"PYTHONOPTIMIZE": "1"}
