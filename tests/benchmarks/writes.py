"""The writes of accepting and of settling one payment, as the product itself makes them, for pgbench to repeat.

A payment is accepted, claimed and settled once through the services, while the statements are listened to; then all is
rolled back. What changes from payment to payment is replaced by pgbench's variables. So the database's own limit is
measured with the same rows, columns, indexes and triggers, whatever the product comes to write.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db import connection, transaction

from payments.audit import Because
from payments.gateways.base import Kind, Outcome
from payments.models import Attempt, Event
from payments.services.accept import PayRequest, accept
from payments.services.apply import Heard, apply
from payments.services.claim import claim

_WORKER: Final = Because(actor="worker:settle-1", cause="job:settle")
_RECORDS: Final = re.compile(r"json_to_recordset\(%s\) AS new\((.*?)\)")
_COLUMN: Final = re.compile(r'"(\w+)" ([\w ]+)')
# A number of 19 digits in the place of an id's last 19 characters: as unique, and rising with time as the ids do.
_ID: Final = "0000000'||:id||'"
Statement = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Writes:
    """pgbench scripts. `settle` has two statements, as the attempt must be committed before the gateway is called."""

    accept: str
    settle: str


def listen(client_id: int) -> Writes:
    """Return what the product writes for one payment of the client."""
    heard: list[list[Statement]] = []
    names: dict[str, str] = {}
    with transaction.atomic():
        _one_payment(client_id, heard, names)
        transaction.set_rollback(True)
    accepting, claiming, applying = (_as_one(statements, names) for statements in heard)
    return Writes(accept=f"{_COUNT}{_RANDOM}{accepting};\n", settle=f"{_COUNT}{_RANDOM}{claiming};\n{applying};\n")


# pgbench keeps variables from one run of the script to the next, each of its clients for itself.
_COUNT: Final = "\\set n :n + 1\n\\set id :base + :n * 256 + :client_id\n"
_RANDOM: Final = "".join(f"\\set {name} random({10**18}, {9 * 10**18})\n" for name in ("key", "order"))


def _one_payment(client_id: int, heard: list[list[Statement]], names: dict[str, str]) -> None:
    key, order = "benchmark-key-0123456789abcdef", "benchmark-order-0123456789abcdef"
    names |= {key: "benchmark-key'||:key||'", order: "benchmark-order'||:order||'"}
    request = PayRequest(
        client_id=client_id,
        key=key,
        request_hash="0123456789abcdef" * 4,
        amount=1999,
        currency="EUR",
        method_type="card",
        method_token="tok_success",
        metadata={"orderID": order, "customerID": "customer-17"},
        order_reference=order,
        customer_reference="customer-17",
    )
    with _listening(heard):
        payment = accept(request, Because(f"client:{client_id}", "request:POST /api/payments/process")).payment
    names |= {payment.pk: f"pay_{_ID}", payment.order_id: f"ord_{_ID}"}
    with _listening(heard):
        claim(1, _WORKER)
    attempt = Attempt.objects.get(payment=payment)
    names[Event.objects.get(payment_id=payment.pk, sequence=1).pk] = f"evt_{_ID}"
    reference = "ch_0123456789abcdef"
    names |= {attempt.pk: f"att_{_ID}", reference: f"ch_{_ID}"}
    outcome = Outcome(Kind.SUCCEEDED, "succeeded", reference=reference, http_status=200)
    with _listening(heard):
        apply([Heard(attempt.pk, payment.pk, outcome, _WORKER)])
    names[Event.objects.get(payment_id=payment.pk, sequence=2).pk] = f"evt_1{_ID[1:]}"


@contextmanager
def _listening(heard: list[list[Statement]]) -> Iterator[None]:
    """Add to `heard` what is written meanwhile. Waking the settle loops is no part of it: most requests need not."""
    statements: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, values: Any, many: bool, context: Any) -> Any:
        if re.match(r"INSERT|UPDATE|WITH", sql) and not re.search("settleloop|django_q", sql):
            statements.append((sql, values))
        return execute(sql, values, many, context)

    with connection.execute_wrapper(note):
        yield
    heard.append(statements)


def _as_one(statements: list[Statement], names: dict[str, str]) -> str:
    parts = [_filled_in(sql, values, names) for sql, values in statements]
    if len(parts) == 1:
        return parts[0]
    named = ", ".join(f"write{number} AS ({part})" for number, part in enumerate(parts, 1))
    return f"WITH {named} SELECT 1"


def _filled_in(sql: str, values: list[Any], names: dict[str, str]) -> str:
    """Return the statement with its values written into it; JSON documents of rows become plain rows."""
    if found := _RECORDS.search(sql):
        columns = _COLUMN.findall(found[1])
        rows = [
            ", ".join(f"{_literal(record[name], names, is_json='json' in kind)}::{kind}" for name, kind in columns)
            for record in orjson.loads(values[0])
        ]
        titles = ", ".join(f'"{name}"' for name, _ in columns)
        source = f"(VALUES {', '.join(f'({row})' for row in rows)}) AS new({titles})"
        return sql[: found.start()] + source + sql[found.end() :]
    pieces = sql.replace("%%", "%").split("%s")
    filled = [_literal(value, names) for value in values]
    return "".join(piece for pair in zip(pieces, [*filled, ""], strict=True) for piece in pair)


def _literal(value: Any, names: dict[str, str], *, is_json: bool = True) -> str:
    """Return SQL for `value`. Colons are written as escapes, since pgbench would take them for variables."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).upper()
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    is_varying = any(name in text for name in names)
    quoted = text.replace("'", "''").replace("\\", "\\\\").replace(":", "\\003a")
    for name, variable in names.items():
        quoted = quoted.replace(name, variable.replace("||'", "||U&'"))
    if not is_varying:
        return f"U&'{quoted}'"
    return f"(U&'{quoted}')" + ("::jsonb" if is_json and text.startswith("{") else "")
