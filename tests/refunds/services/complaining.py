"""Paid orders, complaints about them, and what a complaint has moved."""

from payments.models import Client, OperatorTask, Order, Payment
from refunds.models import Complaint, ProactiveSpend, Refund
from refunds.services.complain import Answered, Complained, complain
from tests.payments.conftest import BECAUSE, reload
from tests.refunds.rows import paid

WORDS = "The cup arrived broken."


def bought(shop: Client, order: str = "order-1", customer: str = "cust-1", **changes: str | int) -> Payment:
    """Return the paid payment of an order of 30.00 USD, unless `changes` say otherwise."""
    payment = paid(shop, f"{order}-pay", **{"amount": 3000, "order": order, **changes})
    Order.objects.filter(reference=order, client=shop).update(customer_reference=customer)
    return payment


def complained(shop: Client, order: str = "order-1", key: str = "complaint-1", words: str = WORDS) -> Complained:
    return Complained(shop.pk, order, words, key)


def answer(shop: Client, order: str = "order-1", key: str = "complaint-1", words: str = WORDS) -> Answered:
    return complain(complained(shop, order, key, words), BECAUSE)


def decided(answered: Answered) -> tuple[str, str]:
    return answered.complaint.decision, answered.complaint.why


def nothing_moved(payment: Payment) -> bool:
    row = reload(payment)
    rows = (Refund.objects.count(), Complaint.objects.count(), OperatorTask.objects.count())
    return (row.refund_reserved, row.refunded, rows) == (0, 0, (0, 0, 0)) and not ProactiveSpend.objects.exists()


def spent(currency: str = "USD") -> int:
    return ProactiveSpend.objects.get(currency=currency).spent
