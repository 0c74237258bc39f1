"""Reads: what pages, API and console ask. Nothing here changes anything."""

from datetime import datetime

from django.db.models import Max, QuerySet

from payments.clock import database_now
from payments.models import AuditEntry, IdempotencyRecord, Payment, RecoveryRun, SettleLoop, SurplusCharge


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
