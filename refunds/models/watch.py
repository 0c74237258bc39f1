"""What is known of a gateway from reading its own list of refunds."""

from django.db import models


class RefundWatch(models.Model):
    """One gateway. Its newest refunds are read and compared with ours, so that none made elsewhere goes unseen (E1).

    seen_until: the gateway's time, in seconds since 1970, up to which all its refunds were compared. due_at,
    claimed_until, fence: as those of a payment. An event about a refund that we do not know makes it due at once.
    """

    gateway = models.CharField(max_length=32, primary_key=True)
    seen_until = models.BigIntegerField(null=True, blank=True)
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    answered_at = models.DateTimeField(null=True, blank=True)
    trouble = models.CharField(max_length=64, blank=True, help_text="Why the last reading failed.")

    class Meta:
        verbose_name_plural = "refund watches"

    def __str__(self) -> str:
        return self.gateway
