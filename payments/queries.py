"""Reads: what pages, API and console ask. Nothing here changes anything."""

from datetime import datetime
from typing import Final, TypeVar

from django.db.models import Max, Prefetch, QuerySet

from payments.clock import database_now
from payments.models import (
    AuditEntry,
    CustomerMessage,
    Delivery,
    DeliveryTry,
    Event,
    GatewayEvent,
    IdempotencyRecord,
    Payment,
    RecoveryRun,
    SettleLoop,
    SurplusCharge,
    WebhookEndpoint,
)

# Tries of one delivery that are shown, the newest: somebody may ask for it again as often as they like.
_TRIES: Final = 20
Row = TypeVar("Row", Event, GatewayEvent)


def payments_of(client_id: int) -> QuerySet[Payment]:
    """Return the client's payments with their orders; another client's do not exist for it."""
    return Payment.objects.filter(client_id=client_id).select_related("order")


def trail_of(payment: Payment) -> QuerySet[AuditEntry]:
    """Return the audit trail of `payment`, oldest first."""
    return AuditEntry.objects.filter(payment_id=payment.pk).order_by("id")


def key_record(client_id: int, operation: str, key: str) -> IdempotencyRecord | None:
    """Return the record of an unexpired idempotency key."""
    records = IdempotencyRecord.objects.select_related("payment")
    return records.filter(client_id=client_id, operation=operation, key=key, expires_at__gt=database_now()).first()


def last_beat() -> datetime | None:
    """Return when a settle loop last gave a sign of life."""
    settling = SettleLoop.objects.exclude(name__startswith="outbox-")
    return settling.aggregate(last=Max("beat_at"))["last"]  # type: ignore[no-any-return]


def unknown_payments(client_id: int | None = None) -> QuerySet[Payment]:
    """Return the payments whose outcome is unknown now, oldest first; of one client where given."""
    rows = Payment.objects.filter(outcome_unknown=True).order_by("pk")
    return rows if client_id is None else rows.filter(client_id=client_id)


def surplus_of(payment: Payment) -> list[SurplusCharge]:
    """Return the charges that gateways made for `payment` without right, oldest first."""
    return list(payment.surplus_charges.order_by("pk"))


def recovery_runs(client_id: int | None = None) -> QuerySet[RecoveryRun]:
    """Return the recovery runs, newest first; of one client where given."""
    rows = RecoveryRun.objects.order_by("-pk")
    return rows if client_id is None else rows.filter(client_id=client_id)


def seconds_since_last_beat() -> float | None:
    """Return how long ago a settle loop last gave a sign of life; None where none ever did."""
    last = last_beat()
    return None if last is None else (database_now() - last).total_seconds()


def endpoints_of(client_id: int) -> QuerySet[WebhookEndpoint]:
    """Return the client's webhook endpoints that are not deleted; another client's do not exist for it."""
    return WebhookEndpoint.objects.filter(client_id=client_id, deleted_at__isnull=True)


def events_of(client_id: int) -> QuerySet[Event]:
    """Return the client's events that have their place in the order, in which whoever reads on misses none."""
    return Event.objects.filter(client_id=client_id, position__isnull=False)


def with_tries(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return `deliveries` with their events (without what is sent), and what `tries_of` reads."""
    tries = Prefetch("log", queryset=DeliveryTry.objects.order_by("-pk")[:_TRIES], to_attr="newest_tries")
    return deliveries.select_related("event").defer("event__body").prefetch_related(tries)


def tries_of(delivery: Delivery) -> list[DeliveryTry]:
    """Return the newest 20 tries of a delivery that `with_tries` read, newest first."""
    tries: list[DeliveryTry] = getattr(delivery, "newest_tries")  # noqa: B009 - set by the prefetch, unknown to types
    return tries


def about(rows: QuerySet[Row], payment_id: str) -> QuerySet[Row]:
    """Return those of `rows`, events of ours or of gateways, that are about one payment.

    The second condition is that of the partial index: SQLite uses such an index only where a query repeats it.
    """
    return rows.filter(payment_id=payment_id).exclude(payment_id="")


def events_about(payment: Payment, most: int) -> list[Event]:
    """Return the newest `most` events about `payment`, oldest first, without what is sent, with their deliveries."""
    deliveries = Prefetch("deliveries", queryset=Delivery.objects.select_related("endpoint").order_by("pk"))
    rows = about(Event.objects.defer("body"), payment.pk).prefetch_related(deliveries)
    return list(rows.order_by("-sequence")[:most])[::-1]


def gateway_events_about(payment: Payment, most: int) -> list[GatewayEvent]:
    """Return the newest `most` events of gateways that say they are about `payment`, oldest first, without bodies."""
    rows = about(GatewayEvent.objects.defer("body"), payment.pk)
    return list(rows.order_by("-pk")[:most])[::-1]


def messages_about(payment: Payment, most: int) -> list[CustomerMessage]:
    """Return the newest `most` messages to the customer about `payment`, oldest first."""
    return list(payment.messages.order_by("-pk")[:most])[::-1]
