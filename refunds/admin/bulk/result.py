"""The result of a bulk refund as a file for spreadsheets; no cell of it can be taken for a formula."""

import csv
from collections.abc import Iterator
from typing import Final

from django.http import StreamingHttpResponse

from payments.admin.formats import utc
from payments.money import decimal_text
from refunds.admin.bulk.rows import rows_of, shown
from refunds.models import BulkRefund, BulkRefundRow

_HEADING: Final = (
    *("line", "given", "payment id", "amount", "currency"),
    *("state", "words", "refund", "refund state", "failure code", "tried at"),
)
# A spreadsheet would compute a cell that begins with one of these.
_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that gives back what is written to it, for the rows to be streamed."""

    def write(self, text: str) -> str:
        return text


def result_file(bulk: BulkRefund) -> StreamingHttpResponse:
    """Return all rows as CSV: UTF-8 with its mark, commas, lines ended by CRLF (RFC 4180)."""
    response = StreamingHttpResponse(_lines(bulk), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{bulk.pk}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _lines(bulk: BulkRefund) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(_HEADING)
    # Read at once: a list has 5,000 rows at the most, and nobody's slow line shall hold the database.
    for row in list(rows_of(bulk)):
        yield writer.writerow([safe(cell) for cell in _cells(row)])


def safe(cell: str) -> str:
    """Return the cell as plain text for every spreadsheet: one that could be a formula begins with an apostrophe."""
    return f"'{cell}" if cell.startswith(_DANGEROUS) else cell


def _cells(row: BulkRefundRow) -> list[str]:
    told, refund = shown(row), row.refund
    amount = decimal_text(row.amount, row.currency) if row.amount is not None else ""
    return [
        *(str(row.number), told.given, told.payment_id, amount, row.currency),
        *(str(row.get_state_display()), told.words, told.refund_id),
        str(refund.get_state_display()) if refund else "",
        refund.error_code if refund else "",
        utc(row.tried_at) if row.tried_at else "",
    ]
