"""A complaint, for which an order may be refunded before it becomes a chargeback (requirement D4)."""

from django.db import models
from django.db.models.functions import Now

from payments.ids import new_id
from payments.models import Client, Order
from payments.models.base import PublicIdField
from refunds.models.refund import Refund


def new_complaint_id() -> str:
    return new_id("cmp")


class Complaint(models.Model):
    """One complaint and what the policy made of it. amount: minor units that are at stake; why: in words for people.

    idempotency_key: as that of a refund. A complaint that went to people has their task under its own id as subject.
    customer, customer_email: by which later complaints of the same customer are known (refunds/proactive.py: Customer),
    as they were when this one was decided.
    """

    class Decision(models.TextChoices):
        REFUNDED = "refunded", "Refunded at once"
        REVIEW = "review", "A person decides"

    id = PublicIdField(primary_key=True, default=new_complaint_id)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="complaints", db_index=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="complaints")
    payment_id = models.CharField(max_length=34, blank=True)
    idempotency_key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    customer = models.CharField(max_length=320, blank=True, help_text="Reference, or else e-mail, in one spelling.")
    customer_email = models.CharField(max_length=320, blank=True, help_text="In one spelling.")
    words = models.CharField(max_length=1000, help_text="What the customer says.")
    decision = models.CharField(max_length=12, choices=Decision.choices)
    why = models.CharField(max_length=500)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="complaints")
    requested_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "idempotency_key"], name="one_complaint_per_key")]
        indexes = [
            models.Index(fields=["client", "id"], name="complaint_of_client"),
            models.Index(
                fields=["client", "customer", "created_at"],
                condition=~models.Q(customer=""),
                name="complaint_of_customer",
            ),
            models.Index(
                fields=["client", "customer_email", "created_at"],
                condition=~models.Q(customer_email=""),
                name="complaint_by_email",
            ),
        ]

    def __str__(self) -> str:
        return self.id


class ProactiveSpend(models.Model):
    """What one shop's policy gave back in one currency on one day (UTC), in minor units: its budget is drawn here."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, db_index=False)
    day = models.DateField()
    currency = models.CharField(max_length=3)
    spent = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "day", "currency"], name="one_spend_per_day_and_currency"),
            models.CheckConstraint(condition=models.Q(spent__gte=0), name="spend_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.currency}"
