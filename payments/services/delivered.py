"""Writes down what endpoints answered: delivered, tried again later, or given up with the endpoint switched off.

A try that failed leaves its row claimed for the endpoint's rest, so that the place is not free before (claim looks at
that): a failing endpoint has one place only, and is so left alone. In flight is a row whose claim ends when it is due.
"""

import logging
import queue
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet

from payments.bulk import insert_each, update_each
from payments.clock import database_now
from payments.crash_points import reach
from payments.models import Delivery, DeliveryTry, WebhookEndpoint
from payments.services import delivery_parts, notices
from payments.services.deliver import Answered
from payments.services.delivery_schedule import MOST_TRIES, WHOLE, rest_after, wait_after
from payments.services.endpoints import switch_off

logger = logging.getLogger(__name__)

State = Delivery.State

_FIELDS: Final = ("state", "note", "tries", "due_at", "claimed_until", "delivered_at")
_GONE: Final = 410
# An outage that lasted so long lets go at once what waits for its next try. One event that an endpoint cannot take,
# while it takes the others, makes no such outage, and keeps to its schedule.
_OUTAGE: Final = timedelta(seconds=10)

_brought: queue.SimpleQueue[Answered] = queue.SimpleQueue()


def bring(answered: Answered) -> None:
    """Hand over what an endpoint answered; threads do."""
    _brought.put(answered)


def write_brought() -> None:
    """Write all that was brought since, together; where that fails, one by one, so that one holds up no other."""
    answers = []
    while not _brought.empty():
        answers.append(_brought.get_nowait())
    if not answers:
        return
    try:
        write(answers)
    except Exception:  # whatever is wrong with one row must not lose what was heard about the others
        logger.exception("%d answers of endpoints could not be written together, writing one by one", len(answers))
        for answered in answers:
            try:
                write([answered])
            except Exception:
                logger.exception("the answer to delivery %d could not be written", answered.work.delivery_id)


def write(answers: Iterable[Answered]) -> None:
    """Write down `answers` in one transaction. What a second worker has taken over since counts only if delivered."""
    answers = list(answers)
    with transaction.atomic():
        wanted = WebhookEndpoint.objects.filter(pk__in={each.work.endpoint_id for each in answers}).order_by("pk")
        # Not the clients' locks as well: those have no order here, and two workers would wait for each other.
        locked = wanted.select_for_update(no_key=True, of=("self",)).select_related("client")
        endpoints = {row.pk: _News(row) for row in locked}
        ids = {each.work.delivery_id for each in answers}
        known = Delivery.objects.filter(pk__in=ids).order_by("pk")
        rows = {row.pk: row for row in known.select_for_update(no_key=True)}
        # What was switched off and old was dropped during the call.
        answers = [each for each in answers if each.work.delivery_id in rows]
        now = database_now()
        insert_each([_log(each, now) for each in answers if each.sent])
        for each in answers:
            endpoints[each.work.endpoint_id].hear(each, rows[each.work.delivery_id], now)
        update_each(list(rows.values()), _FIELDS)
        for news in endpoints.values():
            news.write(now)
        _wake_later(endpoints, {payment for news in endpoints.values() for payment in news.done}, now)
    if __debug__:
        reach("deliver.committed")


def in_flight(rows: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
    """Return those of `rows` that a worker sends at this moment."""
    return rows.filter(claimed_until=F("due_at"))


class _News:
    """What the answers mean for one locked endpoint."""

    def __init__(self, endpoint: WebhookEndpoint) -> None:
        self._endpoint = endpoint
        self._was_failing_since = endpoint.failing_since
        self._off_because = ""
        self._back_after = timedelta()
        self.done: set[str] = set()

    def hear(self, answered: Answered, row: Delivery, now: datetime) -> None:
        """Change `row` in memory by what was answered."""
        if answered.delivered:
            self._delivered(answered, row, now)
        elif row.state == State.PENDING and row.fence == answered.work.fence:
            row.note = answered.note[:200] if answered.sent else row.note
            if not self._endpoint.is_enabled:
                # A part of its queue that has not become failed yet.
                self._give_up(row)
            elif answered.sent and self._asked_present_url(answered):
                self._failed(answered, row, now)
            else:
                # Nothing was sent, or to an address of the past, which tells nothing of the present one.
                row.tries -= 1
                row.due_at, row.claimed_until = now, None

    def _asked_present_url(self, answered: Answered) -> bool:
        return answered.work.url == self._endpoint.url

    def _delivered(self, answered: Answered, row: Delivery, now: datetime) -> None:
        since = self._endpoint.failing_since
        # An answer to what was sent before the failure does not tell that it is over.
        if since is not None and answered.work.asked_at > since and self._asked_present_url(answered):
            self._endpoint.failing_since = None
            self._back_after = now - since
        if row.state != State.DELIVERED:
            row.state, row.note, row.delivered_at = State.DELIVERED, "", now
            row.due_at = row.claimed_until = None
        if row.payment_id:
            self.done.add(row.payment_id)

    def _failed(self, answered: Answered, row: Delivery, now: datetime) -> None:
        endpoint = self._endpoint
        since = endpoint.failing_since = endpoint.failing_since or now
        if answered.status == _GONE:
            self._give_up(row)
            self._off_because = "the endpoint answered 410 Gone"
        elif (row.tries >= MOST_TRIES and now - row.created_at >= WHOLE) or now - since >= WHOLE * 1.1:
            self._give_up(row)
            self._off_because = f"an event could not be delivered for {WHOLE.days} days; last: {row.note}"
        else:
            rest = max(rest_after(now - since), answered.rest)
            row.claimed_until = now + rest
            # Later than the rest ends, and so not in flight.
            row.due_at = max(now + wait_after(row.tries), row.claimed_until + timedelta(seconds=1))

    @staticmethod
    def _give_up(row: Delivery) -> None:
        row.state, row.due_at, row.claimed_until = State.FAILED, None, None

    def write(self, now: datetime) -> None:
        """Write the endpoint, and what else of its deliveries follows; after the rows themselves."""
        endpoint = self._endpoint
        if self._off_because and endpoint.is_enabled:
            switch_off(endpoint, self._off_because, now)
            _tell(endpoint, now)
            return
        if endpoint.failing_since != self._was_failing_since:
            endpoint.save(update_fields=["failing_since"])
        if self._back_after >= _OUTAGE and endpoint.failing_since is None:
            delivery_parts.let_go(endpoint, now)


def _wake_later(endpoints: Iterable[str], payments: set[str], now: datetime) -> None:
    """Make due what waited for an earlier event of one of `payments`, and was never tried itself."""
    if payments:
        waiting = delivery_parts.waiting(endpoints, now)
        waiting.filter(payment_id__in=payments, tries=0).update(due_at=F("created_at"))


def _log(answered: Answered, now: datetime) -> DeliveryTry:
    return DeliveryTry(
        delivery_id=answered.work.delivery_id,
        url=answered.work.url,
        headers=dict(answered.headers),
        http_status=answered.status,
        answer=answered.answer,
        trouble=answered.trouble,
        milliseconds=answered.milliseconds,
        at=now,
    )


def _tell(endpoint: WebhookEndpoint, now: datetime) -> None:
    """Tell the shop's owner and the team that the endpoint gets nothing any more."""
    client, why = endpoint.client, endpoint.disabled_why
    key = f"endpoint-disabled:{endpoint.pk}:{now.isoformat(timespec='seconds')}"
    subject = f"Events do not go to {endpoint.url} any more"
    text = (
        f"The endpoint {endpoint.url} of {client.name} was switched off: {why}.\n\n"
        "It gets no events until it is switched on again, through the API or by the team. Events it missed can be "
        "delivered again after that, and read at any time from GET /api/events."
    )
    owner = client.technical_email or client.support_email
    if owner:
        notices.tell("endpoint_disabled", key, subject, text, "warning", address=owner)
    path = f"/admin/payments/webhookendpoint/{endpoint.pk}/change/"
    notices.tell("endpoint_disabled", key, subject, text, "warning", path=path)
