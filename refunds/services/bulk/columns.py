"""Which column of a list is what: by the names in its heading, or by their order where it has none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Without blanks and signs, in small letters.
_PAYMENT: Final = frozenset({"payment", "paymentid", "payid", "id"})
_ORDER: Final = frozenset({"order", "orderid", "orderreference", "ordernumber", "orderno", "reference"})
_AMOUNT: Final = frozenset({"amount", "refund", "refundamount", "amounttorefund"})
_CURRENCY: Final = frozenset({"currency", "currencycode"})
_KINDS: Final = {"payment": _PAYMENT, "order": _ORDER, "amount": _AMOUNT, "currency": _CURRENCY}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a row has what, as indexes. trouble: why the heading cannot be used, for people."""

    places: dict[str, int]
    is_heading: bool
    trouble: str = ""

    def payment(self, cells: Sequence[str]) -> str:
        """Return the payment's id or else the order's reference."""
        return self._cell(cells, "payment") or self._cell(cells, "order")

    def order(self, cells: Sequence[str]) -> str:
        """Return the order that is named beside a payment; empty where the order names the payment itself."""
        return self._cell(cells, "order") if self._cell(cells, "payment") else ""

    def amount(self, cells: Sequence[str]) -> str:
        return self._cell(cells, "amount")

    def currency(self, cells: Sequence[str]) -> str:
        return self._cell(cells, "currency").upper()[:3]

    def _cell(self, cells: Sequence[str], kind: str) -> str:
        place = self.places.get(kind)
        return cells[place] if place is not None and place < len(cells) else ""


def columns_of(first: Sequence[str]) -> Columns:
    """Return the columns that the cells of the first line name; where they name none, it is a row already."""
    found: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    places: dict[str, int] = {}
    for place, cell in enumerate(first):
        name = re.sub(r"[^a-z]", "", cell.lower())
        for kind, names in _KINDS.items():
            # A row such as `id;5` begins with no name of ours; one that holds a number is a row.
            if name in names and not re.search(r"\d", cell):
                found[kind].append(cell)
                places.setdefault(kind, place)
    if not places:
        return Columns({"payment": 0, "amount": 1, "currency": 2}, is_heading=False)
    return Columns(places, is_heading=True, trouble=_trouble(found))


def _trouble(found: dict[str, list[str]]) -> str:
    for kind, names in found.items():
        if len(names) > 1:
            named = " and ".join(f"“{name}”" for name in names)
            return f"Several columns could be the {kind}: {named}. Leave the right one alone with such a name."
    if not found["payment"] and not found["order"]:
        return "The heading names no column for the payment. Call one “payment id” or “order reference”."
    return ""
