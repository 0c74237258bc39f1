"""The books: double entry, append-only."""

from django.db import models
from django.db.models.functions import Now


class LedgerPosting(models.Model):
    """`amount` minor units moved from account `credit` to account `debit`.

    Each row has both sides, so that the books balance by construction: no half of an entry can exist.
    Accounts are per gateway and currency: gateway_balance, sales, refunds, disputes_held, dispute_losses, dispute_fees.
    """

    payment_id = models.CharField(max_length=34)
    entity_id = models.CharField(max_length=34, help_text="The attempt, refund or dispute that moved the money.")
    gateway = models.CharField(max_length=32)
    currency = models.CharField(max_length=3)
    debit = models.CharField(max_length=24)
    credit = models.CharField(max_length=24)
    amount = models.BigIntegerField(help_text="Minor units.")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="posting_amount_positive"),
            # One capture, one posting: an outcome applied twice cannot be booked twice.
            models.UniqueConstraint(fields=["entity_id", "debit", "credit"], name="one_posting_per_movement"),
        ]
        indexes = [models.Index(fields=["payment_id"], name="posting_of_payment")]

    def __str__(self) -> str:
        return f"{self.debit} ← {self.credit} {self.amount} {self.currency}"
