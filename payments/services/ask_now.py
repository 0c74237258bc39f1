"""Has a worker ask the gateway about an open attempt now instead of at the next time of the schedule."""

from typing import Final

from django.db import transaction
from django.db.models.functions import Now

from payments import audit
from payments.audit import Because
from payments.clock import database_now
from payments.models import Attempt, Payment
from payments.services import wake
from payments.states import AttemptState

# Attempts that a look-up can teach something about. One that is `sent` is not among them: a worker is asking this
# moment, and should that worker have died, its lease ends by itself.
CAN_BE_ASKED: Final = (AttemptState.UNKNOWN, AttemptState.ACTION_REQUIRED, AttemptState.UNRESOLVED)


def ask_now(payment_id: str, because: Because, reason: str) -> bool:
    """Make the payment due now, so that a worker asks the gateway what became of its open attempt.

    Returns False, with nothing changed, where no attempt waits to be asked about; True, with nothing changed, where
    a worker is asking at this moment (two at a time could send its key at the same time). Raises Payment.DoesNotExist.
    """
    with transaction.atomic():
        payment = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        if not Attempt.objects.filter(payment=payment, kind="charge", state__in=CAN_BE_ASKED).exists():
            return False
        if payment.claimed_until is not None and payment.claimed_until > database_now():
            return True
        Payment.objects.filter(pk=payment.pk).update(due_at=Now(), updated_at=Now())
        audit.payment_entry(payment, "payment.asked_now", because, before=payment.status, reason=reason).save()
    wake.wake_if_idle()
    return True
