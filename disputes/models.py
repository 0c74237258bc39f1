"""A dispute: a customer's bank takes a charge back, for the time being or for ever."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from disputes.states import DISPUTE, DisputeStatus
from payments.ids import new_dispute_id
from payments.models import Attempt, Payment
from payments.models.base import PublicIdField, StateModel, edge


class Dispute(StateModel):
    """One dispute as the gateway tells it; amount in minor units, times in UTC.

    While it needs a response its amount is held (`Payment.disputed`), and nothing of the payment is refunded (D5);
    once lost, it is gone (`Payment.charged_back`). The database keeps both by triggers on this table.
    refunded_before: what had been or might have been refunded when it was opened, in minor units: evidence against it.
    due_at, claimed_until, fence: as those of a payment.
    """

    id = PublicIdField(primary_key=True, default=new_dispute_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    charge = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="disputes", db_index=False)
    gateway = models.CharField(max_length=32)
    gateway_reference = models.CharField(max_length=100)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=64, blank=True, help_text="The gateway's word.")
    refunded_before = models.BigIntegerField(default=0, help_text="Minor units.")

    status = FSMField(
        default=DisputeStatus.NEEDS_RESPONSE, choices=DisputeStatus.choices, protected=True, db_index=False
    )
    respond_by = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    looks = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=64, blank=True, help_text="Why the last look-up taught nothing.")
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="When the gateway itself last said so.")
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "gateway_reference"], name="a_dispute_is_known_once"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="dispute_amount_positive"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="dispute_due")]

    def __str__(self) -> str:
        return self.id

    @edge(DISPUTE, status, DisputeStatus.NEEDS_RESPONSE)
    def reopen(self) -> None:
        self.closed_at = None

    @edge(DISPUTE, status, DisputeStatus.WON)
    def win(self, *, now: datetime) -> None:
        self.closed_at = now

    @edge(DISPUTE, status, DisputeStatus.LOST)
    def lose(self, *, now: datetime) -> None:
        self.closed_at = now

    @edge(DISPUTE, status, DisputeStatus.CLOSED)
    def close(self, *, now: datetime) -> None:
        """The gateway says that there is no such dispute."""
        self.closed_at = now
