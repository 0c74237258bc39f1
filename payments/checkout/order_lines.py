"""An order's lines and amount as the customer reads them."""

from dataclasses import dataclass

from payments.models import Order
from payments.words import grouped, readable


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order as the customer reads it."""

    name: str
    quantity: int
    amount: str


def lines_of(order: Order) -> list[Line]:
    """Return the order's lines with readable amounts."""
    return [
        Line(str(line["name"]), int(line["quantity"]), grouped(str(line["amount"]), order.currency))
        for line in order.lines
    ]


def amount_of(order: Order) -> str:
    return readable(order.amount, order.currency)
