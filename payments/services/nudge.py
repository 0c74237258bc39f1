"""Looks at a payment sooner: somebody says that there is news. Only the gateway's own answer is believed."""

from django.db.models.functions import Now

from payments.models import Payment
from payments.services import wake
from payments.states import PaymentStatus


def customer_came_back(payment_id: str) -> bool:
    """Make the payment due now if it waits for the customer; say whether it does.

    Anybody may claim to be back: all that follows is that the gateway is asked a little earlier.
    """
    waiting = Payment.objects.filter(pk=payment_id, status=PaymentStatus.REQUIRES_ACTION)
    nudged = waiting.filter(due_at__gt=Now()).update(due_at=Now())
    if nudged:
        wake.wake_if_idle()
    return bool(nudged)
