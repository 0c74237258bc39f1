"""Looks at a payment sooner: somebody says that there is news. Only the gateway's own answer is believed."""

from collections.abc import Iterable

from django.db.models.functions import Now

from payments.models import GatewayHealth, Payment
from payments.services import wake
from payments.services.health import EVERY
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


def card_page_did_not_come(gateways: Iterable[str]) -> bool:
    """Make the health check of `gateways` due now, as a customer's browser got no card page; say whether it moved.

    A check that is under way is left alone: it is due again later than any other, when its lease ends.
    """
    waiting = GatewayHealth.objects.filter(gateway__in=gateways, due_at__gt=Now(), due_at__lte=Now() + EVERY)
    return bool(waiting.update(due_at=Now()))
