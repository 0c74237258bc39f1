"""What only a person can decide: an entry of a work queue in the console (G4)."""

from django.db import models
from django.db.models.functions import Now

from payments.models.payment import Payment


class OperatorTask(models.Model):
    """One open question, mostly about one payment; the same question is never opened twice at a time.

    subject: what it is about where there is no payment, for example an event of a gateway.
    """

    class Kind(models.TextChoices):
        UNKNOWN_TOO_LONG = "unknown_too_long", "Outcome unknown for too long"
        REJECTED = "rejected", "Gateway refused our request"
        MISMATCH = "mismatch", "Gateway's answer does not fit the charge"
        CONTRADICTION = "contradiction", "Gateway contradicts itself"
        DUPLICATE_CHARGE = "duplicate_charge", "Gateway charged the customer twice"
        LATE_SUCCESS = "late_success", "Gateway charged too late"
        NOT_GIVEN_BACK = "not_given_back", "Gateway does not give the money back"
        TAKEN_BACK = "taken_back", "A paid charge was undone at the gateway"
        DISPUTE_RECEIVED = "dispute_received", "A customer disputes a charge"
        UNMATCHED_EVENT = "unmatched_event", "Gateway's event is about nothing we know"
        UNREADABLE_EVENT = "unreadable_event", "Gateway's event cannot be read"
        REFUND_UNKNOWN = "refund_unknown", "Nobody knows whether a refund went out"
        REFUND_FAILED = "refund_failed", "A refund did not reach the customer"
        REFUND_REVIEW = "refund_review", "A complaint asks for a refund"
        REFUND_MISMATCH = "refund_mismatch", "Gateway's refunds do not fit ours"
        DOUBLE_LOSS = "double_loss", "Refunded and disputed as well"
        QUEUED_TOO_LONG = "queued_too_long", "Accepted order could not be charged in time"

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="operator_tasks", db_index=False, null=True, blank=True
    )
    subject = models.CharField(max_length=300, blank=True, db_default="")
    kind = models.CharField(max_length=24, choices=Kind.choices)
    detail = models.CharField(max_length=500)
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=64, blank=True)
    resolution = models.CharField(max_length=500, blank=True)
    alerted_at = models.DateTimeField(null=True, blank=True, help_text="When the team was told.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["payment", "kind"], condition=models.Q(closed_at__isnull=True), name="one_open_task_per_kind"
            ),
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=models.Q(closed_at__isnull=True, payment__isnull=True),
                name="one_open_task_per_subject",
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=models.Q(alerted_at__isnull=True), name="task_to_alert")]

    def __str__(self) -> str:
        return self.get_kind_display()
