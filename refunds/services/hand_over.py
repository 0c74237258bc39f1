"""Gives people what a gateway lists and the machine can do nothing with, so that nothing is dropped in silence."""

import logging
from typing import Final

from django.db import transaction
from django.db.models import Q

from payments.gateways.after_capture import ListedRefund
from payments.models import Attempt, Payment
from refunds.models import Refund
from refunds.services import news
from refunds.services.locks import locked_payment

logger = logging.getLogger(__name__)

DEFECT: Final = "It could not be stored, by a fault of the machine that is in its log. It is read again for a while."
LET_GO: Final = "It could not be judged or stored for long, and is not read again. Compare it with ours by hand."


def hand_over(gateway: str, listed: ListedRefund, why: str) -> None:
    """Ask people about `listed`, unless they were asked about it before; under its payment's lock. Raises nothing, as
    whatever is wrong with one entry must hold up no other."""
    logger.error("people are asked about refund %s of %s", listed.reference, gateway)
    try:
        payment_id = _payment_of(gateway, listed)
        if payment_id is None:
            # Another system's: about what is ours we would know a charge, a refund or a payment.
            return
        with transaction.atomic():
            locked_payment(payment_id)
            news.ask(payment_id, gateway, listed, why)
    except Exception:  # the boundary of one entry, of which nothing can be relied on
        logger.exception("nobody could be asked about refund %s of %s", listed.reference, gateway)


def _payment_of(gateway: str, listed: ListedRefund) -> str | None:
    """Return the id of our payment that `listed` is about, by whatever of it we know."""
    ours = Q(gateway_reference=listed.reference) | Q(pk=listed.key)
    refunds = Refund.objects.filter(ours, gateway=gateway).values_list("payment_id", flat=True)
    charges = Attempt.objects.filter(gateway=gateway, gateway_reference=listed.charge, gateway_reference__gt="")
    payments = Payment.objects.filter(pk=listed.payment_id).values_list("pk", flat=True)
    return refunds.first() or charges.values_list("payment_id", flat=True).first() or payments.first()
