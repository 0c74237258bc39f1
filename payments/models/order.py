"""What is being paid for. One order is charged at most once, for ever."""

from django.db import models
from django.db.models.functions import Now

from payments.ids import new_order_id
from payments.models.base import PublicIdField
from payments.models.client import Client


class Order(models.Model):
    """A shop's order. (client, reference) is unique; amount and currency are fixed by its first payment (A7)."""

    id = PublicIdField(primary_key=True, default=new_order_id)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="orders", db_index=False)
    reference = models.CharField(max_length=64)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    customer_reference = models.CharField(max_length=64, blank=True)
    customer_email = models.EmailField(blank=True)
    customer_name = models.CharField(max_length=100, blank=True)
    customer_phone = models.CharField(max_length=16, blank=True, db_default="", help_text="E.164, for SMS.")
    customer_language = models.CharField(
        max_length=10, blank=True, db_default="", help_text="Of messages to the customer: a language code such as de."
    )
    lines = models.JSONField(default=list, blank=True, help_text="What was bought, as the shop described it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "reference"], name="one_order_per_reference"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="order_amount_positive"),
        ]
        indexes = [
            models.Index(fields=["customer_email"], condition=~models.Q(customer_email=""), name="order_by_email"),
            # For the history of a customer, where no gateway answers (B7).
            models.Index(
                fields=["client", "customer_reference"],
                condition=~models.Q(customer_reference=""),
                name="order_of_customer",
            ),
        ]

    def __str__(self) -> str:
        return self.reference
