"""What is known of a gateway from looking at its own list of charges."""

from django.db import models


class GatewayWatch(models.Model):
    """One gateway. The settle loops read its newest charges every few seconds and compare them with ours.

    seen_until: the gateway's time, in seconds since 1970, up to which all its charges were compared. due_at,
    claimed_until, fence: as those of a payment. double_charges, late_charges: promises that it broke, counted for ever
    (a second charge under one key; a charge that was executed after the gateway had proven that there was none).
    """

    gateway = models.CharField(max_length=32, primary_key=True)
    seen_until = models.BigIntegerField(null=True, blank=True)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    answered_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=64, blank=True, help_text="Why the last reading failed.")
    double_charges = models.PositiveIntegerField(default=0)
    late_charges = models.PositiveIntegerField(default=0)
    broken_at = models.DateTimeField(null=True, blank=True, help_text="When it last broke a promise.")

    class Meta:
        verbose_name_plural = "gateway watches"

    def __str__(self) -> str:
        return self.gateway
