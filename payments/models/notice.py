"""What the team, or whoever owns a shop's endpoint, is told: an outbox for alerts (requirements G3, G7)."""

from django.db import models
from django.db.models.functions import Now


class Notice(models.Model):
    """One alert over one channel. `key` names the occurrence: written twice, it is sent once.

    address: the recipients, separated by commas; empty for the team's own, which the settings name.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"

    class Severity(models.TextChoices):
        INFO = "info", "Information"
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=128)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    address = models.CharField(max_length=500, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    path = models.CharField(max_length=200, blank=True, help_text="Of the console's page that shows more.")
    due_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    claimed_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    trouble = models.CharField(max_length=200, blank=True)
    written_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "channel", "address"], name="one_notice_per_occurrence")]
        indexes = [models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="notice_due")]

    def __str__(self) -> str:
        return self.subject
