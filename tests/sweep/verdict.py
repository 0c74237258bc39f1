"""Judges the payments of the sweep: by the gateway's own ledger, our rows, and the history in the audit trail.

The history tells what was believed while answers were lost: each entry was written with the change that it is about.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from payments.models import Attempt, AuditEntry, Client, Payment
from payments.states import AttemptState, PaymentStatus
from tests.sweep.cases import Case

_FINAL: Final = {"payment.succeeded": PaymentStatus.SUCCESS, "payment.failed": PaymentStatus.FAILED}


def judge(cases: Mapping[str, Case], shop: Client, ledger: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with the payments of `shop`, a sentence each; `cases` by payment id."""
    taken = Counter(charge["reference"] for charge in ledger if charge["status"] == "succeeded")
    succeeded = Counter(
        Attempt.objects.filter(payment__client=shop, state=AttemptState.SUCCEEDED).values_list("payment_id", flat=True)
    )
    statuses = dict(Payment.objects.filter(client=shop).values_list("pk", "status"))
    histories = _histories()
    for pk, case in cases.items():
        due = 1 if case.final == PaymentStatus.SUCCESS else 0
        if statuses.get(pk) != case.final:
            yield f"{pk}, {case.name}: ended {statuses.get(pk)}, not {case.final}"
        if taken[pk] != due:
            yield f"{pk}, {case.name}: charged {taken[pk]} times, not {due}"
        if succeeded[pk] != due:
            yield f"{pk}, {case.name}: {succeeded[pk]} succeeded attempts, not {due}"
        yield from (f"{pk}, {case.name}: {wrong}" for wrong in _misbelieved(case, histories[pk]))


def _histories() -> dict[str, list[tuple[str, str]]]:
    """Return the actions and reasons of all payments, by payment id, oldest first."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for pk, action, reason in AuditEntry.objects.order_by("pk").values_list("payment_id", "action", "reason"):
        found[pk].append((action, reason))
    return found


def _misbelieved(case: Case, history: list[tuple[str, str]]) -> Iterator[str]:
    """Yield what was believed although nobody could know it."""
    unknown: list[str] = []
    for action, reason in history:
        if action == "attempt.unknown":
            unknown.append(reason)
        if action == "payment.retrying" and case.may_be_unsent:
            unknown.append(reason)
        elif action == "payment.retrying":
            yield f"was held for not charged ({reason})"
        if action in _FINAL and _FINAL[action] != case.final:
            yield f"was {_FINAL[action]} on its way, but the truth is {case.final}"
        if action in _FINAL and len(unknown) < case.blind:
            yield f"was {_FINAL[action]} after {len(unknown)} unknown answers of {case.blind}"
    if case.drips and unknown[case.blind - 1 : case.blind] != ["deadline"]:
        yield f"was not ended by our deadline, but: {unknown}"


def unfired(faults: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the faults that never hit anything: what they were for has not been tried."""
    for fault in faults:
        if fault["fired"] != fault["count"]:
            yield f"{fault['kind']} of {fault['operation']} {fault['params']} for {fault['key']} never fired"
