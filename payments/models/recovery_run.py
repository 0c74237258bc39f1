"""What recovery found and repaired, run by run (requirement C2)."""

from django.db import models
from django.db.models.functions import Now

from payments.models.client import Client


class RecoveryRun(models.Model):
    """One run of the sweep. found, repaired: numbers by kind of finding, as services/recover.py names them.

    client: where a client asked for it, its run looks at its own payments only.
    """

    class Trigger(models.TextChoices):
        START = "start", "Start"
        SCHEDULE = "schedule", "Schedule"
        API = "api", "API"
        CONSOLE = "console", "Console"
        COMMAND = "command", "Command line"

    trigger = models.CharField(max_length=12, choices=Trigger.choices)
    actor = models.CharField(max_length=64)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, null=True, blank=True, related_name="recovery_runs")
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    found = models.JSONField(default=dict)
    repaired = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["started_at"], name="recovery_run_by_time")]

    def __str__(self) -> str:
        return f"Recovery run {self.pk}"
