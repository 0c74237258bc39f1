"""A message that a customer is to get: written in the transaction of what it tells, sent afterwards by a job."""

from django.db import models
from django.db.models.functions import Now

from payments.models.payment import Payment


class CustomerMail(models.Model):
    """One e-mail about one payment; the same kind is sent once. due_at is empty when nothing is left to do."""

    class Kind(models.TextChoices):
        DELAYED = "delayed", "Order accepted, paid later"
        CONFIRM = "confirm", "Bank wants the customer to confirm"
        RESUME = "resume", "Link to resume the checkout"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="mails", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    address = models.EmailField()
    due_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    trouble = models.CharField(max_length=200, blank=True)
    written_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["payment", "kind"], name="one_mail_per_kind_and_payment")]
        indexes = [models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="mail_due")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.address}"
