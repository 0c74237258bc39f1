"""What a message to a customer about a refund tells (payments/services/messages_money.py)."""

from payments.models import CustomerMessage
from payments.services.messages_money import GivenBack
from refunds.models import Reason, Refund
from refunds.states import RefundState

# What customers are never told (requirement E6 and the like): they are told of the refund, without a reason.
_SECRET = {Reason.FRAUDULENT, Reason.OTHER}
_TELLS = {
    RefundState.SUCCEEDED.value: CustomerMessage.Kind.REFUNDED.value,
    RefundState.FAILED.value: CustomerMessage.Kind.REFUND_FAILED.value,
}


def given_back(refund_id: str) -> GivenBack | None:
    """Return what the refund gives back; None where there is no such refund."""
    refund = Refund.objects.filter(pk=refund_id).first()
    if refund is None:
        return None
    reason = "" if refund.reason in _SECRET else refund.reason
    return GivenBack(refund.amount, refund.currency, reason, _TELLS.get(refund.state, ""))
