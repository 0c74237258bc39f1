"""The dry run: checks every row of a list and writes down what a start would do. Reserves nothing, moves nothing."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from payments.audit import Because
from payments.bulk import insert_each
from payments.clock import database_now
from payments.models import Payment
from payments.reliability import refundable
from refunds import rules
from refunds.models import BulkRefund, BulkRefundRow
from refunds.models.bulk import new_bulk_id
from refunds.services.bulk.amounts import BadAmountError, minor_units
from refunds.services.bulk.find import find
from refunds.services.bulk.lines import Line
from refunds.services.bulk.repeats import warn
from refunds.states import RowState

_DIFFER: Final = "The order and the payment differ: this payment is of another order."


@dataclass(frozen=True, slots=True)
class Listed:
    """A list to be checked. name: of the file, or what it is. key: an id made for the form it came by (`blk_…`), so
    that a form that is sent twice makes one list."""

    name: str
    reason: str
    note: str
    lines: Sequence[Line]
    key: str = ""


def check(listed: Listed, because: Because) -> BulkRefund:
    """Write the list with the result of every row; return the earlier one where the same form brought the same list.

    The number of statements does not depend on how many rows there are, but for one more for each thousand.
    """
    now = database_now()
    rows = _rows(listed.lines, now)
    warn(rows)
    bulk = BulkRefund(
        id=listed.key or new_bulk_id(),
        name=listed.name[:100],
        reason=listed.reason,
        note=listed.note[:500],
        requested_by=because.actor,
        created_at=now,
    )
    bulk.parameters_hash = parameters_hash(bulk, rows)
    known = BulkRefund.objects.filter(pk=bulk.pk).first()
    if known is None:
        try:
            return _written(bulk, rows)
        except IntegrityError:
            # The same form arrived twice at the same time.
            known = BulkRefund.objects.get(pk=bulk.pk)
    if _is_the_same(known, bulk) and _says_the_same(known, rows):
        return known
    # The form was gone back to, and says something else now.
    bulk.pk = new_bulk_id()
    return _written(bulk, rows)


def parameters_hash(bulk: BulkRefund, rows: Iterable[BulkRefundRow]) -> str:
    """Return what a start and an approval are bound to: why, and every row that a start would refund, exactly."""
    parts = [(row.number, row.payment_id, row.amount, row.currency) for row in rows if row.state != RowState.REFUSED]
    return hashlib.sha256(repr((bulk.reason, bulk.note, parts)).encode()).hexdigest()


def _written(bulk: BulkRefund, rows: Sequence[BulkRefundRow]) -> BulkRefund:
    with transaction.atomic():
        bulk.save(force_insert=True)
        for row in rows:
            row.bulk_id = bulk.pk
        insert_each(rows)
    return bulk


def _is_the_same(known: BulkRefund, bulk: BulkRefund) -> bool:
    return all(getattr(known, name) == getattr(bulk, name) for name in ("requested_by", "name", "reason", "note"))


def _says_the_same(known: BulkRefund, rows: Sequence[BulkRefundRow]) -> bool:
    given = known.rows.order_by("number").values_list("number", "given_payment", "given_amount")
    return list(given) == [(row.number, row.given_payment, row.given_amount) for row in rows]


def _rows(lines: Sequence[Line], now: datetime) -> list[BulkRefundRow]:
    found = find(line.payment for line in lines if not line.bad)
    return [_row(line, found.get(line.payment, ""), now) for line in lines]


def _row(line: Line, found: Payment | str, now: datetime) -> BulkRefundRow:
    given = " ".join(filter(None, (line.amount, line.currency)))
    row = BulkRefundRow(number=line.number, given_payment=line.given, given_amount=given[:40])
    if line.bad or isinstance(found, str):
        row.state, row.message = RowState.REFUSED, line.bad or str(found)
        return row
    row.payment, row.currency = found, found.currency
    try:
        row.amount, refusal = _checked(line, found, now)
    except BadAmountError as error:
        refusal = str(error)
    if refusal:
        row.state, row.message = RowState.REFUSED, refusal[:300]
    return row


def _checked(line: Line, payment: Payment, now: datetime) -> tuple[int | None, str]:
    """Return the amount of a row in minor units, and why it cannot be refunded.

    Rows of one payment share the object: the second one sees what the first one would take.
    """
    if line.order and line.order not in (payment.order_id, payment.order.reference):
        return None, _DIFFER
    if not line.amount:
        if line.currency and line.currency != payment.currency:
            raise BadAmountError(f"The list says {line.currency}, but the payment is in {payment.currency}.")
        amount = refundable.remaining(payment)
    else:
        amount = minor_units(line.amount, line.currency, payment.currency)
    refusal = rules.why_not(payment, amount, now)
    if refusal is not None:
        return (amount or None), refusal.words
    # Only here in memory, never written.
    payment.refund_reserved += amount
    return amount, ""
