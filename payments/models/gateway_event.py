"""An event that a gateway sent us by webhook, as it came (requirements E1, G7)."""

from django.db import models
from django.db.models.functions import Now


class GatewayEvent(models.Model):
    """One verified event; stored before it is acknowledged, applied later. Received and applied are two facts.

    body: the raw bytes that were signed. reference, gateway_key, payment_id: what the event says it is about (the
    gateway's own id of the charge, our key, our payment): a claim, believed only after asking the gateway.
    about, about_key: of a refund or dispute of that charge, the gateway's own id and the key, where it is about one.
    times_received: deliveries of the same event. due_at, claimed_until, fence, tries: as those of a payment.
    """

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        APPLIED = "applied", "Applied"
        IGNORED = "ignored", "Not ours or of no known type"
        PARKED = "parked", "About nothing we know yet"
        GIVEN_UP = "given_up", "Given to people"

    gateway = models.CharField(max_length=32)
    event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=100, blank=True, help_text="Empty where the body could not be read.")
    body = models.BinaryField()
    reference = models.CharField(max_length=100, blank=True)
    gateway_key = models.CharField(max_length=64, blank=True)
    payment_id = models.CharField(max_length=34, blank=True)
    about = models.CharField(max_length=100, blank=True, default="", db_default="")
    about_key = models.CharField(max_length=64, blank=True, default="", db_default="")
    happened_at = models.DateTimeField(null=True, blank=True, help_text="By the gateway's clock.")

    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED)
    note = models.CharField(max_length=200, blank=True, help_text="What became of it, or why it waits.")
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    times_received = models.PositiveIntegerField(default=1)
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    last_received_at = models.DateTimeField(db_default=Now(), editable=False)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "event_id"], name="gateway_events_are_stored_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="gateway_event_due"),
            models.Index(fields=["payment_id"], condition=~models.Q(payment_id=""), name="gateway_event_of_payment"),
            models.Index(fields=["received_at"], name="gateway_event_received"),
            models.Index(fields=["state", "id"], condition=~models.Q(state="applied"), name="gateway_event_by_state"),
            # For the sweep (C1): waiting, but due at no time. Nearly always empty.
            models.Index(
                fields=["id"],
                condition=models.Q(due_at__isnull=True, state__in=("received", "parked")),
                name="gateway_event_forgotten",
            ),
        ]

    def __str__(self) -> str:
        return self.event_id


class RefusedWebhook(models.Model):
    """How many webhooks of a gateway were refused, and why: all that is kept of what nobody signed."""

    gateway = models.CharField(max_length=32)
    reason = models.CharField(max_length=32)
    count = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "reason"], name="one_count_per_refusal")]

    def __str__(self) -> str:
        return f"{self.gateway}: {self.reason}"
