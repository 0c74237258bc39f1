"""Takes refunds under their locks: the payment first, as everywhere."""

from collections.abc import Iterable

from payments.models import Payment
from refunds.models import Refund


def locked_payment(payment_id: str, client_id: int | None = None) -> Payment:
    """Return the payment under its lock, with its order; of that client where given. Raises Payment.DoesNotExist."""
    payments = Payment.objects.select_for_update(no_key=True, of=("self",)).select_related("order")
    if client_id is not None:
        payments = payments.filter(client_id=client_id)
    return payments.get(pk=payment_id)


def locked(refund_id: str) -> Refund:
    """Return the refund, it and its payment (with its order) under their locks. Raises Refund.DoesNotExist."""
    payment = locked_payment(Refund.objects.values_list("payment_id", flat=True).get(pk=refund_id))
    refund = Refund.objects.select_for_update(no_key=True, of=("self",)).select_related("charge").get(pk=refund_id)
    refund.payment = payment
    return refund


def locked_due(pairs: Iterable[tuple[str, str]]) -> list[Refund]:
    """Return those refunds of (refund, payment) ids that nobody else has under a lock, with theirs, by their ids."""
    pairs = list(pairs)
    rows = Payment.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("order")
    payments = {row.pk: row for row in rows.filter(pk__in={payment for _, payment in pairs}).order_by("pk")}
    ids = [refund for refund, payment in pairs if payment in payments]
    due = Refund.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("charge")
    refunds = list(due.filter(pk__in=ids).order_by("pk"))
    for refund in refunds:
        refund.payment = payments[refund.payment_id]
    return refunds
