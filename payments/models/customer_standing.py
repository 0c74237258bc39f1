"""What operators decided about a customer of a shop: overrides the rule of trust (requirement B7, level 4)."""

from django.db import models
from django.db.models.functions import Now

from payments.models.client import Client


class CustomerStanding(models.Model):
    """One customer, by the shop's own reference. trusted: an order may be accepted although no gateway answers."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="customer_standings", db_index=False)
    customer_reference = models.CharField(max_length=64)
    trusted = models.BooleanField()
    reason = models.CharField(max_length=200)
    set_by = models.CharField(max_length=64, editable=False)
    set_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "customer_reference"], name="one_standing_per_customer")
        ]

    def __str__(self) -> str:
        return self.customer_reference
