"""A migration loses no refund from the sums, whether it runs beside the site, rebuilds a table or fails (A11, D1)."""

import threading
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations import Migration
from django.db.models import Sum
from django.db.models.signals import post_migrate, pre_migrate

from payments.models import Client, Payment
from payments.standing import install, missing
from refunds.guards import REFUND_GUARDS
from refunds.models import Refund
from tests.refunds.rows import counters, paid, written

pytestmark = pytest.mark.django_db(transaction=True)

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite rebuilds tables")
REFUSAL = "takes nothing until manage.py migrate has ended well"


def begin_migrating() -> None:
    _send(pre_migrate, plan=[(Migration("any", "payments"), False)])


def end_migrating() -> None:
    _send(post_migrate)


def _send(signal: Any, **values: Any) -> None:
    """Tell all apps what `migrate` tells them."""
    rest = {"verbosity": 0, "interactive": False, "using": "default", "apps": apps, "plan": [], **values}
    for app in apps.get_app_configs():
        signal.send(sender=app, app_config=app, **rest)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_refunds_that_are_made_while_migrate_runs_are_counted(shop: Client) -> None:
    payments = [paid(shop, f"key-{number}", order=f"order-{number}") for number in range(3)]
    errors: list[Exception] = []

    def refund(payment: Payment) -> None:
        try:
            for _ in range(60):
                written(payment, 10)
        except Exception as error:  # the boundary of a thread, whose test looks at it
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=refund, args=(payment,)) for payment in payments]
    for thread in threads:
        thread.start()
    call_command("migrate", verbosity=0)
    while any(thread.is_alive() for thread in threads):
        install(connection, REFUND_GUARDS)  # the part of the command that matters, again and again
    for thread in threads:
        thread.join()
    assert errors == []
    summed = [Refund.objects.filter(payment=payment).aggregate(all=Sum("amount"))["all"] for payment in payments]
    assert [counters(payment)[0] for payment in payments] == summed == [600] * 3


@on_sqlite
def test_a_table_that_a_migration_rebuilds_is_counted_into_afterwards(shop: Client) -> None:
    payment = paid(shop)
    first = written(payment, 4000)
    begin_migrating()
    rebuild_payments()
    end_migrating()
    Refund.objects.filter(pk=first.pk).update(state="processing")
    Refund.objects.filter(pk=first.pk).update(state="succeeded")
    written(payment, 6000)
    assert counters(payment) == (10_000, 4000)
    with pytest.raises(IntegrityError, match="refunds_stay_within_the_capture"), transaction.atomic():
        written(payment, 1)


def rebuild_payments() -> None:
    """Change payments_payment and change it back, as a migration does: SQLite makes it anew each time."""
    constraint = next(each for each in Payment._meta.constraints if each.name == "refunds_stay_within_the_capture")
    with connection.schema_editor() as editor:
        editor.remove_constraint(Payment, constraint)
        editor.add_constraint(Payment, constraint)


@on_sqlite
def test_after_a_migration_that_failed_refunds_are_refused_until_one_ends_well(shop: Client) -> None:
    payment = paid(shop)
    refund = written(payment, 3000)
    begin_migrating()
    try:
        assert missing(connection, REFUND_GUARDS) == ["refunds_refund_sums_born", "refunds_refund_sums_moved"]
        with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
            written(payment, 3000)
        with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
            Refund.objects.filter(pk=refund.pk).update(state="processing")
        assert (Refund.objects.count(), counters(payment)) == (1, (3000, 0))
        with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM refunds_refund")
    finally:
        end_migrating()
    assert missing(connection, REFUND_GUARDS) == []
    written(payment, 3000)
    assert counters(payment) == (6000, 0)
