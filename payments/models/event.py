"""What shops are told: events, the endpoints they go to, and every try to deliver them (requirements D3, F3, G7)."""

from typing import Final

from django.db import models
from django.db.models.functions import Now

from payments.ids import new_endpoint_id, new_event_id
from payments.models.base import PublicIdField
from payments.models.client import Client

LONGEST_ANSWER: Final = 1000


class Event(models.Model):
    """One thing that happened, as its shop is told: written in the transaction that made it happen, never changed.

    sequence: counts the events of one payment from 1; 0 where the event is about no payment. body: the bytes that are
    sent, as text. position: the place in the order in which all events are published, given a moment after the
    commit, so that whoever has read up to one position has missed none before it.
    """

    id = PublicIdField(primary_key=True, default=new_event_id)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="events", db_index=False)
    payment_id = models.CharField(max_length=34, blank=True)
    sequence = models.PositiveIntegerField(default=0)
    type = models.CharField(max_length=48)
    body = models.TextField()
    happened_at = models.DateTimeField(db_default=Now(), editable=False)
    position = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["position"], name="event_positions_are_unique"),
            models.UniqueConstraint(
                fields=["payment_id", "sequence"], condition=~models.Q(payment_id=""), name="events_are_numbered"
            ),
        ]
        indexes = [
            models.Index(fields=["happened_at"], condition=models.Q(position__isnull=True), name="event_unpublished"),
            models.Index(fields=["client", "position"], name="event_of_client"),
        ]

    def __str__(self) -> str:
        return self.type


class Publication(models.Model):
    """The one row whose lock lets one process at a time publish events; `position` was given last."""

    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"up to {self.position}"


class WebhookEndpoint(models.Model):
    """Where a shop wants its events. secret: signs them, by Standard Webhooks 1.0 (`whsec_…`).

    types: the chosen event types, all where empty. old_secret: signs beside the new one until old_secret_until, so
    that the shop can change over. failing_since: nothing was delivered since then.
    """

    id = PublicIdField(primary_key=True, default=new_endpoint_id)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="webhook_endpoints")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=100, blank=True)
    types = models.JSONField(default=list, blank=True)
    secret = models.CharField(max_length=100)
    old_secret = models.CharField(max_length=100, blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_why = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event on its way to one endpoint. payment_id, sequence: those of the event, to keep a payment's order.

    due_at, claimed_until, fence, tries: as those of a payment; tries counts from the last time that a delivery was
    asked for.
    """

    class State(models.TextChoices):
        PENDING = "pending", "On its way"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Not delivered"

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    payment_id = models.CharField(max_length=34, blank=True)
    sequence = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    note = models.CharField(max_length=200, blank=True, help_text="Why the last try did not deliver it.")
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="one_delivery_per_event_and_endpoint")
        ]
        indexes = [
            models.Index(fields=["endpoint", "due_at"], condition=models.Q(due_at__isnull=False), name="delivery_due"),
            models.Index(
                fields=["endpoint", "payment_id", "sequence"],
                condition=models.Q(state="pending"),
                name="delivery_in_order",
            ),
            models.Index(fields=["endpoint", "id"], name="delivery_of_endpoint"),
            models.Index(fields=["id"], condition=models.Q(state="failed"), name="delivery_failed"),
            # For the sweep (C1): on its way, but due at no time. Nearly always empty.
            models.Index(
                fields=["id"], condition=models.Q(due_at__isnull=True, state="pending"), name="delivery_forgotten"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}"


class DeliveryTry(models.Model):
    """One request to an endpoint and what came of it: the delivery log. `answer` is cut to 1,000 characters."""

    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="log")
    url = models.CharField(max_length=500)
    headers = models.JSONField(default=dict)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=LONGEST_ANSWER, blank=True)
    trouble = models.CharField(max_length=200, blank=True, help_text="Why there was no answer.")
    milliseconds = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "delivery tries"

    def __str__(self) -> str:
        return str(self.http_status or self.trouble)
