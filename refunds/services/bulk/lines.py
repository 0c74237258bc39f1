"""Reads a list of payments to refund, from a file or as somebody pasted it. Whatever a cell begins with, it is data.

Lines are read one by one: a quote that nobody closed spoils its own line and swallows none after it.
"""

import csv
import re
from dataclasses import dataclass
from typing import Final

from refunds.services.bulk.columns import Columns, columns_of

# Bytes, and rows without the heading. The web server takes no larger request anyway.
MOST_BYTES: Final = 1_000_000
MOST_ROWS: Final = 5_000
# Characters that are kept of what stood in the list (the columns of the database).
_PAYMENT_KEPT: Final = 100
_AMOUNT_KEPT: Final = 40
# Characters of the longest order reference.
_ORDER_KEPT: Final = 64

_LINE_ENDS: Final = re.compile(r"\r\n|\n|\r")
_DELIMITERS: Final = (";", "\t", ",")
# A pasted payment id with an amount beside it, without any delimiter.
_SPACED: Final = re.compile(r"(pay_\w+)\s+(\S.*)")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class BadListError(Exception):
    """The list as a whole cannot be read; the text says why. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it stood in the list. number: of the line in the file, from 1. bad: why it cannot be read.

    order: what stood beside the payment, which must be the order of that payment.
    """

    number: int
    payment: str
    amount: str = ""
    currency: str = ""
    bad: str = ""
    order: str = ""

    @property
    def given(self) -> str:
        """What the row names, as people are shown it."""
        return " · ".join(filter(None, (self.payment, self.order)))[:_PAYMENT_KEPT]


def decoded(content: bytes) -> str:
    """Return a file's text: UTF-8 or UTF-16 by its mark, else as Western spreadsheets save it. Never refuses."""
    if len(content) > MOST_BYTES:
        raise BadListError(f"The list is larger than {MOST_BYTES:,} bytes. Split it.")
    if content.startswith(_UTF_16):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read(text: str) -> list[Line]:
    """Return the rows of `text`, those that cannot be read among them. Raises BadListError."""
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise BadListError(f"The list is larger than {MOST_BYTES:,} bytes. Split it.")
    numbered = [(number, line) for number, line in enumerate(_lines(text), 1) if line.strip(" \t;,\xa0")]
    if not numbered:
        raise BadListError("The list is empty.")
    delimiter = _delimiter([line for _, line in numbered])
    columns = columns_of(_cells(numbered[0][1], delimiter)[0])
    if columns.trouble:
        raise BadListError(columns.trouble)
    rows = numbered[1:] if columns.is_heading else numbered
    if not rows:
        raise BadListError("The list has a heading and no rows.")
    if len(rows) > MOST_ROWS:
        raise BadListError(f"The list has {len(rows):,} rows; {MOST_ROWS:,} is the most. Split it.")
    return [_line(number, line, delimiter, columns) for number, line in rows]


def _lines(text: str) -> list[str]:
    lines = _LINE_ENDS.split(text.removeprefix("\ufeff"))
    # How some spreadsheets name their delimiter.
    if lines[0].strip('"').lower().startswith("sep="):
        lines[0] = ""
    return lines


def _delimiter(lines: list[str]) -> str:
    """Return what stands between cells, as the first line that has any of them shows; empty where none has."""
    for line in lines:
        for delimiter in _DELIMITERS:
            if delimiter in line:
                return delimiter
    return ""


def _cells(line: str, delimiter: str) -> tuple[list[str], str]:
    """Return the cells of a line, and why they cannot be read."""
    if not delimiter:
        spaced = _SPACED.fullmatch(line.strip())
        return ([_clean(each) for each in spaced.groups()] if spaced else [_clean(line.strip().strip('"'))]), ""
    try:
        found = next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        return [_clean(line)], "The quotes of this line do not match."
    return [_clean(cell) for cell in found], ""


def _line(number: int, line: str, delimiter: str, columns: Columns) -> Line:
    cells, bad = _cells(line, delimiter)
    if bad:
        return Line(number, cells[0][:_PAYMENT_KEPT], bad=bad)
    payment, order = columns.payment(cells), columns.order(cells)
    amount, currency = columns.amount(cells), columns.currency(cells)
    if not payment:
        bad = "The line names no payment."
    elif len(payment) > _PAYMENT_KEPT or len(order) > _ORDER_KEPT or len(amount) > _AMOUNT_KEPT:
        bad = "The line is not a payment and an amount: a cell is far too long."
    elif not columns.is_heading and any(cells[3:]):
        bad = "The line has more cells than a payment, an amount and a currency. Give the list a heading."
    return Line(number, payment[:_PAYMENT_KEPT], amount[:_AMOUNT_KEPT], currency, bad, order[:_ORDER_KEPT])


def _clean(cell: str) -> str:
    """Return the cell on one line, each character that cannot be shown made visible: none of them may be stored."""
    text = cell.replace("\xa0", " ").replace("\t", " ").strip()
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
