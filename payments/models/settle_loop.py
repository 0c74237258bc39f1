"""The heartbeats of settle loops."""

from django.db import models


class SettleLoop(models.Model):
    """A slot for one long-running settle loop; whoever holds it writes `beat_at` every second.

    A slot whose beat is old is free to take: its holder died or hangs. The supervisor's watchdog reads the same rows.
    """

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=64, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
