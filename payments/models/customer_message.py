"""A message that a customer is to get: written in the transaction of what it tells, sent afterwards by a job."""

from django.db import models
from django.db.models.functions import Now

from payments.models.payment import Payment


class CustomerMessage(models.Model):
    """One e-mail or SMS about one payment; the same kind is sent once for each occurrence of what it tells.

    occurrence: which one, where a kind can happen to a payment more than once (the id of a refund). due_at is empty
    when nothing is left to do; it may lie ahead, so that what is over by then need not be told at all.
    """

    class Kind(models.TextChoices):
        RECEIVED = "received", "Payment received"
        DELAYED = "delayed", "Payment takes longer"
        CONFIRM = "confirm", "Bank wants the customer to confirm"
        RESOLVED = "resolved", "Delayed payment is paid"
        FAILED = "failed", "Payment failed, link to try again"
        RESUME = "resume", "Link to resume the checkout"
        REFUNDED = "refunded", "Money was given back"
        REFUND_FAILED = "refund_failed", "Money could not be given back yet"

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        SMS = "sms", "SMS"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="messages", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.EMAIL)
    occurrence = models.CharField(max_length=48, blank=True)
    address = models.CharField(max_length=254, help_text="An e-mail address, or a telephone number in E.164 form.")
    due_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=200, blank=True)
    written_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["payment", "kind", "channel", "occurrence"], name="one_message_per_kind_and_occurrence"
            )
        ]
        indexes = [models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="message_due")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.address}"
