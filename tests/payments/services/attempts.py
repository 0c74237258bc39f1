"""What became of an attempt, and how long ago it was sent."""

from datetime import timedelta

from django.db.models.functions import Now

from payments.models import Attempt


def age(attempt: Attempt, **time: int) -> None:
    at = Now() - timedelta(**time)
    Attempt.objects.filter(pk=attempt.pk).update(sent_at=at, last_sent_at=at)


def state_of(attempt: Attempt) -> str:
    return str(Attempt.objects.get(pk=attempt.pk).state)
