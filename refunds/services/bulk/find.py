"""Finds the payments that a list names, with a number of statements that hardly depends on its length."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from payments.ids import is_id
from payments.models import Client, Order, Payment
from payments.states import PaymentStatus

# Values in one statement: the embedded database takes a limited number of them.
_AT_ONCE: Final = 1000

NOT_FOUND: Final = "There is no such payment and no such order."
_AMBIGUOUS: Final = "Several shops have an order with this reference. Name the payment by its id."
_UNPAID: Final = "There is no payment of this order."


def find(names: Iterable[str]) -> dict[str, Payment | str]:
    """Return for each name (payment id, order id or order reference) its payment, or why there is none, in words.

    Of an order it is the payment that captured its money, else its newest one. A payment that is named in several ways
    is one object, and knows its order.
    """
    names = set(names)
    payments = {name for name in names if is_id(name, "pay")}
    orders = {name for name in names if is_id(name, "ord")}
    found: dict[str, Payment | str] = dict.fromkeys(names, NOT_FOUND)
    for some in _chunks(payments):
        found.update({payment.pk: payment for payment in Payment.objects.select_related("order").filter(pk__in=some)})
    order_of = _orders(names - payments, orders)
    of_order = _payments_of({order for order in order_of.values() if order})
    for name, order in order_of.items():
        found[name] = _same(found, of_order.get(order)) if order else _AMBIGUOUS
    return found


def _same(found: dict[str, Payment | str], payment: Payment | None) -> Payment | str:
    """Return the payment of an order, which the list may name by its id, or another name of the order, too."""
    return _UNPAID if payment is None else found.get(payment.pk, payment)


def _orders(references: set[str], ids: set[str]) -> dict[str, str]:
    """Return for each name its order's id; empty where several shops have one."""
    found: dict[str, str] = {}
    # Clients are few. Naming them all lets the unique index be used, which begins with the client.
    clients = list(Client.objects.values_list("pk", flat=True)) if references else []
    for some in _chunks(references):
        for order, reference in Order.objects.filter(client__in=clients, reference__in=some).values_list(
            "pk", "reference"
        ):
            found[reference] = "" if reference in found else order
    for some in _chunks(ids):
        found.update({order: order for order in Order.objects.filter(pk__in=some).values_list("pk", flat=True)})
    return found


def _payments_of(orders: set[str]) -> dict[str, Payment]:
    every: dict[str, list[Payment]] = defaultdict(list)
    for some in _chunks(orders):
        for payment in Payment.objects.select_related("order").filter(order__in=some).order_by("pk"):
            every[payment.order_id].append(payment)
    return {order: _main(payments) for order, payments in every.items()}


def _main(payments: list[Payment]) -> Payment:
    captured = [payment for payment in payments if payment.status == PaymentStatus.SUCCESS]
    return (captured or payments)[-1]


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    each = iter(sorted(values))
    while some := list(islice(each, _AT_ONCE)):
        yield some
