"""Takes disputes under their locks: the payment first, as everywhere."""

from django.db.models import QuerySet

from disputes.models import Dispute
from payments.models import Payment


def payment_if_free(payment_id: str) -> Payment | None:
    """Return the payment under its lock, with its order; None where somebody else has the lock."""
    return _payments(skip_locked=True).filter(pk=payment_id).first()


def dispute_if_free(dispute_id: str) -> Dispute | None:
    """Return the dispute under its lock, where its payment is locked already; None where somebody else has the lock."""
    disputes = Dispute.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    return disputes.filter(pk=dispute_id).first()


def locked(dispute_id: str) -> Dispute:
    """Return the dispute, it and its payment (with its order) under their locks. Raises Dispute.DoesNotExist."""
    payment_id = Dispute.objects.values_list("payment_id", flat=True).get(pk=dispute_id)
    payment = _payments(skip_locked=False).get(pk=payment_id)
    disputes = Dispute.objects.select_for_update(no_key=True, of=("self",)).select_related("charge")
    dispute = disputes.get(pk=dispute_id)
    dispute.payment = payment
    return dispute


def _payments(*, skip_locked: bool) -> "QuerySet[Payment]":
    rows = Payment.objects.select_for_update(no_key=True, of=("self",), skip_locked=skip_locked)
    return rows.select_related("order")
