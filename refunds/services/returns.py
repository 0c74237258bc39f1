"""Whether a refund's money came back after it had been given: the books know, also of one that was not made by us."""

from payments import ledger
from payments.models import LedgerPosting
from refunds.models import Refund
from refunds.states import RefundState


def has_come_back(refund: Refund) -> bool:
    """Say whether it succeeded, was booked, and failed after that. It can be booked as given only once."""
    if refund.state != RefundState.FAILED:
        return False
    return LedgerPosting.objects.filter(entity_id=refund.pk, credit=ledger.REFUNDS).exists()
