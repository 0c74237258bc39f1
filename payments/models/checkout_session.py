"""One visit to the checkout page."""

from django.db import models
from django.db.models.functions import Now

from payments.ids import new_checkout_token
from payments.models.client import Client
from payments.models.order import Order


class CheckoutSession(models.Model):
    """What a checkout page shows, under an unguessable token; amount and currency come from the order alone.

    `submission` counts the times a payment was asked for: it makes the idempotency key of the next one, so that a
    form posted twice asks for the same payment, and a new card after a decline for a new one.
    """

    token = models.CharField(max_length=40, primary_key=True, default=new_checkout_token)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="checkout_sessions")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="checkout_sessions")
    submission = models.PositiveSmallIntegerField(default=1)
    return_url = models.CharField(max_length=500)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When the shop was told that it is over.")

    class Meta:
        indexes = [
            models.Index(fields=["expires_at"], condition=models.Q(ended_at__isnull=True), name="checkout_session_open")
        ]

    def __str__(self) -> str:
        return self.token
