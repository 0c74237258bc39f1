"""What was promised to a client under one idempotency key."""

from django.db import models
from django.db.models.functions import Now

from payments.models.client import Client
from payments.models.payment import Payment


class IdempotencyRecord(models.Model):
    """The first answer under (client, operation, key); requests are compared by `request_hash` (A5).

    A job deletes records after `expires_at` (A6); the order's uniqueness outlives them.
    """

    client = models.ForeignKey(Client, on_delete=models.PROTECT, db_index=False)
    operation = models.CharField(max_length=16)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField()
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, db_index=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "operation", "key"], name="one_record_per_key"),
        ]

    def __str__(self) -> str:
        return self.key
