"""The audit trail: append-only, written in the transaction of what it tells about (G1, C7)."""

from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """One thing that happened: who (`actor`), because of what (`cause`), from `before` to `after`, and why.

    `payment_id` and `entity_id` are public ids and no foreign keys: the trail outlives what it tells about.
    A database trigger refuses every change (payments/guards.py).
    """

    payment_id = models.CharField(max_length=34)
    entity_id = models.CharField(max_length=34)
    action = models.CharField(max_length=48)
    actor = models.CharField(max_length=64)
    cause = models.CharField(max_length=96)
    before = models.CharField(max_length=20, blank=True)
    after = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["payment_id", "id"], name="audit_of_payment")]

    def __str__(self) -> str:
        return self.action
