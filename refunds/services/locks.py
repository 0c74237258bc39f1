"""Takes refunds under their locks: the payment first, as everywhere."""

from collections.abc import Collection, Iterable

from django.db.models.functions import Now

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
    found = locked_each([refund_id])
    if refund_id not in found:
        raise Refund.DoesNotExist
    return found[refund_id]


def locked_each(refund_ids: Collection[str]) -> dict[str, Refund]:
    """Return refunds by their ids, all of them and their payments (with orders) under their locks, in the order in
    which everybody takes several."""
    payment_ids = Refund.objects.filter(pk__in=refund_ids).values_list("payment_id", flat=True)
    rows = Payment.objects.select_for_update(no_key=True, of=("self",)).select_related("order")
    payments = {row.pk: row for row in rows.filter(pk__in=set(payment_ids)).order_by("pk")}
    refunds = Refund.objects.select_for_update(no_key=True, of=("self",)).select_related("charge")
    found = {refund.pk: refund for refund in refunds.filter(pk__in=refund_ids).order_by("pk")}
    for refund in found.values():
        refund.payment = payments[refund.payment_id]
    return found


def locked_due(pairs: Iterable[tuple[str, str]]) -> list[Refund]:
    """Return those refunds of (refund, payment) ids that nobody else has under a lock, with theirs, by their ids.

    They were seen to be due without a lock: whoever claimed one since has made it due later.
    """
    pairs = list(pairs)
    rows = Payment.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("order")
    payments = {row.pk: row for row in rows.filter(pk__in={payment for _, payment in pairs}).order_by("pk")}
    ids = [refund for refund, payment in pairs if payment in payments]
    due = Refund.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("charge")
    refunds = list(due.filter(pk__in=ids, due_at__lte=Now()).order_by("pk"))
    for refund in refunds:
        refund.payment = payments[refund.payment_id]
    return refunds
