"""The part of the sweep that finds open disputes about which nobody asks any more (requirement C1)."""

from django.db.models.functions import Now

from disputes.models import Dispute
from disputes.states import DisputeStatus
from payments.models import Payment


def sweep(client_id: int | None) -> int:
    """Make forgotten disputes due, of one client where given; return how many there were."""
    forgotten = Dispute.objects.filter(due_at__isnull=True, status=DisputeStatus.NEEDS_RESPONSE)
    if client_id is not None:
        forgotten = forgotten.filter(payment__in=Payment.objects.filter(client_id=client_id))
    return forgotten.update(due_at=Now())
