"""A database without its triggers is not ready, starts no loop that sends money, and is told of (D1)."""

import pytest
from django.core import checks
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from payments.services import errands
from payments.standing import install, uninstall
from paysite import health
from paysite.standing_guards import GuardsMissingError, Look
from refunds.guards import REFUND_GUARDS, REFUND_SUMS

pytestmark = pytest.mark.django_db

GONE = "refunds_refund_sums_born, refunds_refund_sums_moved"


@pytest.fixture(autouse=True)
def _nothing_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_guards", Look())


def found() -> list[checks.CheckMessage]:
    return [
        message
        for message in checks.run_checks(tags=[checks.Tags.database], databases=["default"])
        if message.id == "paysite.W003"
    ]


def test_a_database_without_the_sums_is_not_ready_until_they_stand_again(client: Client) -> None:
    uninstall(connection, [REFUND_SUMS])
    for _ in range(2):
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (
            503,
            {"status": "database triggers missing", "remedy": "Run manage.py migrate."},
        )
    install(connection, REFUND_GUARDS)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


def test_readiness_looks_once_in_half_a_minute_while_all_stands(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):
        client.get("/health/ready")
    with django_assert_num_queries(2):
        client.get("/health/ready")


def test_no_settle_loop_starts_without_the_sums() -> None:
    uninstall(connection, [REFUND_SUMS])
    with pytest.raises(GuardsMissingError) as refusal:
        errands.begin()
    assert str(refusal.value) == f"The database lacks the triggers {GONE}. Run manage.py migrate."


def test_a_check_of_the_database_warns_of_missing_guards_and_says_what_to_do() -> None:
    assert found() == []
    uninstall(connection, [REFUND_SUMS])
    [message] = found()
    assert message.msg == f"The database lacks the triggers {GONE}: refunds could exceed what was captured."
    assert message.hint == "Run manage.py migrate."


def test_the_checks_of_every_command_ask_no_database(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    uninstall(connection, [REFUND_SUMS])
    with django_assert_num_queries(0):
        assert [message for message in checks.run_checks() if message.id == "paysite.W003"] == []
