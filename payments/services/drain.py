"""Takes up the queue of accepted orders (level 4 of the ladder) as soon as a gateway is back, the oldest first (B7)."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from payments.bulk import update_each
from payments.clock import database_now
from payments.models import Payment
from payments.reliability.breaker import Board
from payments.states import PaymentStatus

# Seconds from one sweep to the next: no more is taken up than may be charged until then.
_MINUTE: Final = 60


def take_up() -> int:
    """Make the oldest queued payments due, one after the other; return how many. None while no gateway can charge.

    Changes no state: the allowance for the queue (payments/reliability/budget.py) still decides when each one goes.
    """
    with transaction.atomic():
        now = database_now()
        board = Board.read(now)
        if not any(board.admits(str(gateway["name"]), "charge") for gateway in settings.GATEWAYS):
            return 0
        rows = Payment.objects.filter(queued_at__isnull=False, status=PaymentStatus.RETRYING).order_by("queued_at")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, no_key=True)
        later = []
        for place, payment in enumerate(rows[: settings.DRAIN_PER_SECOND * _MINUTE]):
            turn = now + timedelta(seconds=place / settings.DRAIN_PER_SECOND)
            if payment.due_at is None or payment.due_at > turn:
                payment.due_at = turn
                later.append(payment)
        update_each(later, ("due_at",))
    return len(later)
