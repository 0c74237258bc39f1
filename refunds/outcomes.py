"""What follows from a gateway's event about a refund (requirement E1): at most that the gateway is asked.

An event is believed for one thing only, that it is time to ask. Most of them tell what our own answers have told
before, and cause no call.
"""

from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db.models import Model, QuerySet

from payments.models import OperatorTask
from payments.outcomes import Later, Told
from payments.reliability.gateways import capabilities_of
from refunds.models import Refund, RefundAttempt, RefundWatch
from refunds.states import RefundAttemptState, RefundState

Row = TypeVar("Row", bound=Model)
# What happened → the states of a refund in which that is known.
_KNOWN_IN: Final[dict[str, frozenset[str]]] = {
    "refund.succeeded": frozenset({RefundState.SUCCEEDED}),
    "refund.failed": frozenset({RefundState.FAILED}),
}
# States in which nothing was sent: what the gateway has under such a key is not from us, and its list tells what it is.
_NOT_SENT: Final = frozenset({RefundState.REQUESTED, RefundState.AWAITING_APPROVAL, RefundState.REJECTED})
ASKED: Final = "The gateway is asked."
KNOWN: Final = "Known before."
LISTED: Final = "About a refund that we do not know: the gateway's list of refunds is read."
ELSEWHERE: Final = "About a charge that no refund of ours can be of."
_SOON: Final = timedelta(seconds=2)


def told(news: Told) -> str | Later:
    """Make due what the event is about, unless it tells nothing new; say what became of it."""
    event = news.event
    if event.reference and news.attempt.gateway_reference not in {"", event.reference}:
        # A second charge under one key, which is given back by itself (requirement C4).
        return ELSEWHERE
    refund = _refund(news)
    if refund is None or refund.state in _NOT_SENT or _is_another(refund, event.about):
        return _read_list(news)
    row = _unlocked(Refund.objects.filter(pk=refund.pk)).first()
    if row is None:
        return Later("Somebody is at work on the refund.")
    if row.claimed_until is not None and row.claimed_until > news.now:
        return Later("The gateway's own answer about the refund is expected.", _SOON)
    if _is_known(row, event.type):
        return KNOWN
    _make_due(row, news.now)
    return ASKED


def _refund(news: Told) -> Refund | None:
    """Return the refund of this charge that the event names: by the gateway's own id, or else by our key."""
    event = news.event
    refunds = Refund.objects.filter(gateway=event.gateway, payment_id=news.attempt.payment_id)
    found = refunds.filter(gateway_reference=event.about).first() if event.about else None
    return found or (refunds.filter(pk=event.about_key).first() if event.about_key else None)


def _is_another(refund: Refund, reference: str) -> bool:
    """Say whether the gateway's refund `reference` is a second one, under the key of `refund`."""
    return bool(reference) and refund.gateway_reference not in {"", reference}


def _is_known(refund: Refund, type_: str) -> bool:
    """Say whether an event of this type can tell nothing that is not known about `refund`."""
    if refund.state in _KNOWN_IN.get(type_, ()):
        return True
    attempts = RefundAttempt.objects.filter(refund=refund)
    if type_ == "refund.created":
        is_pending = refund.is_external or attempts.filter(state=RefundAttemptState.PENDING).exists()
        return refund.finished_at is not None or (refund.state == RefundState.PROCESSING and is_pending)
    # It had succeeded, and came back.
    return type_ == "refund.succeeded" and attempts.filter(state=RefundAttemptState.BOUNCED).exists()


def _make_due(refund: Refund, now: datetime) -> None:
    if refund.due_at is None or refund.due_at > now:
        Refund.objects.filter(pk=refund.pk).update(due_at=now)


def _read_list(news: Told) -> str | Later:
    """Have the gateway's list of refunds read now."""
    gateway = news.event.gateway
    capabilities = capabilities_of(gateway)
    if capabilities is None or not capabilities.refunds:
        return _ask_people(news)
    watches = RefundWatch.objects.filter(pk=gateway)
    if not watches.exists():
        RefundWatch.objects.bulk_create([RefundWatch(gateway=gateway, due_at=news.now)], ignore_conflicts=True)
    watch = _unlocked(watches).first()
    if watch is None or (watch.claimed_until is not None and watch.claimed_until > news.now):
        # What is being read may be older than the event.
        return Later("The gateway's list of refunds is being read.", _SOON)
    watches.filter(due_at__gt=news.now).update(due_at=news.now)
    return LISTED


def _ask_people(news: Told) -> str:
    event = news.event
    which = event.about or "without an id"
    detail = f"The gateway {event.gateway} tells of the refund {which} ({event.type}) and cannot be asked."
    task = OperatorTask(payment_id=news.attempt.payment_id, kind=OperatorTask.Kind.REFUND_MISMATCH, detail=detail[:500])
    OperatorTask.objects.bulk_create([task], ignore_conflicts=True)
    return "The gateway cannot be asked about refunds: people were."


def _unlocked(rows: "QuerySet[Row]") -> "QuerySet[Row]":
    """Lock those of `rows` that nobody else has locked, and leave out the others."""
    return rows.select_for_update(skip_locked=True, no_key=True)
