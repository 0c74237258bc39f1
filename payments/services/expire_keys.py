"""Drops idempotency records after their time (requirement A6). The uniqueness of orders stays."""

from django.db.models.functions import Now

from payments.models import IdempotencyRecord

_AT_ONCE = 5000


def expire_keys() -> int:
    """Delete expired records in small batches, so that no lock is held for long; return how many."""
    total = 0
    while True:
        expired = list(
            IdempotencyRecord.objects.filter(expires_at__lte=Now())
            .order_by("expires_at")
            .values_list("pk", flat=True)[:_AT_ONCE]
        )
        deleted, _ = IdempotencyRecord.objects.filter(pk__in=expired, expires_at__lte=Now()).delete()
        total += deleted
        if len(expired) < _AT_ONCE:
            return total
