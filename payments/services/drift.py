"""The part of the sweep that compares counters of payments with the rows that they count (requirements C1, D1).

Triggers keep the two equal. Where they differ all the same, triggers were away or somebody wrote to the database by
hand: people are asked, and nothing is put right by itself, as only they can tell which of the two is true.
"""

from collections.abc import Callable
from typing import Any, Final

from django.db import connection, transaction

from payments.guards import Sums
from payments.models import OperatorTask, Payment
from payments.services import questions
from payments.services.questions import Question

# The newest rows, whose payments one look compares.
LOOKED_AT: Final = 1000


def sweep_of(sums: Sums) -> Callable[[int | None], int]:
    """Return a sweep that asks people about payments whose counters are not what `sums` says; it returns how many."""

    def sweep(client_id: int | None) -> int:
        found = _drifted(sums, "", [LOOKED_AT])
        if client_id is not None and found:
            found = list(Payment.objects.filter(pk__in=found, client_id=client_id).values_list("pk", flat=True))
        return sum(_ask(sums, payment_id) for payment_id in found)

    return sweep


def _ask(sums: Sums, payment_id: str) -> bool:
    with transaction.atomic():
        Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        # Asked again under the lock that every change of its counters needs.
        if not _drifted(sums, "AND parent.id = %s", [LOOKED_AT, payment_id]):
            return False
        questions.ask(_question(sums, payment_id))
    return True


def _question(sums: Sums, payment_id: str) -> Question:
    figures = _figures(sums, payment_id)
    differences = [
        f"{name} is {counted}, its rows say {summed}" for name, counted, summed in figures if counted != summed
    ]
    mark = f"{sums.table}: " + "; ".join(differences)
    return Question(
        payment_id=payment_id,
        kind=OperatorTask.Kind.REFUND_MISMATCH,
        said=f"The counters of payment {payment_id} are not the sums of {mark} (minor units). Nothing was changed.",
        mark=mark,
        name=f"counters of {payment_id}",
        key=f"counters:{sums.table}",
        another=f"Counters that are not the sums of their rows: payment {payment_id}",
    )


def _drifted(sums: Sums, condition: str, values: list[Any]) -> list[str]:
    """Return the payments of the newest rows with a counter that is not the sum of all their rows."""
    folds = ", ".join(f"SUM({sums.part('child', name)}) AS {name}" for name in sums.sums)
    differs = " OR ".join(f"parent.{name} <> folded.{name}" for name in sums.sums)
    # Names of our own models and states, never input. Ids begin with the time: the newest rows are the last ones.
    statement = f"""
        SELECT parent.id FROM {sums.parent} parent JOIN (
            SELECT child.{sums.foreign_key} AS parent_id, {folds} FROM {sums.table} child
            WHERE child.{sums.foreign_key} IN (
                SELECT newest.{sums.foreign_key} FROM {sums.table} newest ORDER BY newest.id DESC LIMIT %s
            ) GROUP BY child.{sums.foreign_key}
        ) folded ON folded.parent_id = parent.id WHERE ({differs}) {condition}
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def _figures(sums: Sums, payment_id: str) -> list[tuple[str, int, int]]:
    """Return of each counter its name, what it is, and the sum of its rows, in minor units."""
    folds = ", ".join(f"SUM({sums.part('child', name)})" for name in sums.sums)
    statement = f"SELECT {folds} FROM {sums.table} child WHERE child.{sums.foreign_key} = %s"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [payment_id])
        summed = cursor.fetchone()
    counted = Payment.objects.values_list(*sums.sums).get(pk=payment_id)
    return [(name, counted[number], int(summed[number])) for number, name in enumerate(sums.sums)]
