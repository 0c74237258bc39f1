"""Why a failing endpoint fails. Only the head of its queue is tried, which is not among the newest deliveries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from payments.admin.formats import ago, span, utc
from payments.models import Delivery, DeliveryTry, WebhookEndpoint

# Waiting deliveries that are counted, and of which the tried ones are looked for.
MOST: Final = 10_000
# Of these one is being sent, and may have been tried by hand long before: its last try need not be the newest.
_LOOKED_AT: Final = 5
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Trouble:
    """words: the last try that failed. answer: the beginning of what the endpoint said, mostly empty. url: its page."""

    failing: str
    waiting: str
    words: str
    answer: str = ""
    url: str = ""


def trouble_of(endpoint: WebhookEndpoint, now: datetime) -> Trouble | None:
    """Return why nothing is delivered, None where `endpoint` does not fail. Three statements of bounded length."""
    if endpoint.failing_since is None or not endpoint.is_enabled:
        return None
    failing = f"for {span(now - endpoint.failing_since)}, since {utc(endpoint.failing_since)}"
    waiting, last = _waiting(endpoint), _last(endpoint)
    if last is None:
        return Trouble(failing, waiting, "not known: it waits for its next try")
    words = last.trouble or f"The endpoint answered {last.http_status}."
    url = reverse("admin:payments_delivery_change", args=[last.delivery_id])
    return Trouble(failing, waiting, f"{words.rstrip('.')}, {ago(last.at, now)}", last.answer[:_SHOWN], url)


def last_notes(endpoints: Collection[WebhookEndpoint]) -> dict[str, str]:
    """Return why the last try failed, by those of `endpoints` that fail: one statement for all of them."""
    failing = [endpoint.pk for endpoint in endpoints if endpoint.failing_since is not None]
    if not failing:
        return {}
    note = _tried(OuterRef("pk"), OuterRef(OuterRef("pk"))).exclude(note="").values("note")[:1]
    rows = WebhookEndpoint.objects.filter(pk__in=failing).values_list("pk", Subquery(note))
    return {endpoint: note or "" for endpoint, note in rows}


def _tried(endpoint: str | OuterRef, in_queue: str | OuterRef) -> "QuerySet[Delivery]":
    """Return waiting deliveries that were tried, the last tried first; `in_queue` is the endpoint one level deeper.

    What failed is due later than what was not tried, and so stands at the far end of the index of what is due.
    """
    queue = Delivery.objects.filter(endpoint=in_queue, due_at__isnull=False).order_by("-due_at").values("pk")[:MOST]
    tried = Delivery.objects.filter(endpoint=endpoint, pk__in=queue, tries__gt=0)
    return tried.order_by(F("claimed_until").desc(nulls_last=True))


def _last(endpoint: WebhookEndpoint) -> DeliveryTry | None:
    tried = list(_tried(endpoint.pk, endpoint.pk).values_list("pk", flat=True)[:_LOOKED_AT])
    # An event that is delivered again keeps the tries of before, of which one went well.
    failed = Q(http_status__isnull=True) | Q(http_status__lt=200) | Q(http_status__gte=300)
    return DeliveryTry.objects.filter(failed, delivery__in=tried).order_by("-pk").first()


def _waiting(endpoint: WebhookEndpoint) -> str:
    count = Delivery.objects.filter(endpoint=endpoint, due_at__isnull=False)[: MOST + 1].count()
    return f"over {MOST:,}" if count > MOST else f"{count:,}"
