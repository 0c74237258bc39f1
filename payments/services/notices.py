"""Sends the team its alerts, by e-mail and to a webhook: a source of the outbox (requirements G3, G7; docs/alerts.md).

Notices that are due together for the same people are one e-mail; each channel has its own tries.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from payments.models import Notice
from payments.notices import Severity, tell
from payments.services import alert, mail
from payments.services.messages_way import LEASE, Result, Way, next_try
from payments.services.notices_webhook import post
from payments.services.outbox import Ask, Write

__all__ = ["Notices", "Severity", "tell"]

logger = logging.getLogger("paysite.alerts")

Channel = Notice.Channel
_AT_ONCE: Final = {Channel.EMAIL: 2, Channel.WEBHOOK: 4}
# Of one e-mail.
_TOGETHER: Final = 50
_SEVERITIES: Final = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


class Notices:
    """The source; one per loop, as it knows what is under way in it."""

    def __init__(self) -> None:
        self._ways = {channel: Way(most) for channel, most in _AT_ONCE.items()}

    def anything_due(self) -> bool:
        free = [channel for channel, way in self._ways.items() if way.room()]
        return alert.anything_to_tell() or self._due(free).exists()

    def claim(self, limit: int, _because: Because) -> Sequence[Ask]:
        alert.tell_tasks()
        asks: list[Ask] = []
        emails = self._ways[Channel.EMAIL]
        if emails.room() and limit:
            groups = _by_address(self._claimed(Channel.EMAIL, _TOGETHER))
            asks = [emails.taking(partial(self._mail, address, group)) for address, group in groups.items()]
        hooks = self._ways[Channel.WEBHOOK]
        posts = self._claimed(Channel.WEBHOOK, min(hooks.room(), limit))
        return [*asks, *(hooks.taking(partial(self._post, notice)) for notice in posts)]

    @staticmethod
    def _due(channels: Iterable[str]) -> "QuerySet[Notice]":
        return Notice.objects.filter(due_at__lte=Now(), channel__in=list(channels))

    def _claimed(self, channel: str, limit: int) -> list[Notice]:
        if limit <= 0:
            return []
        with transaction.atomic():
            due = self._due([channel]).order_by("due_at", "pk")
            if connection.features.has_select_for_update_skip_locked:
                due = due.select_for_update(skip_locked=True, no_key=True)
            notices = list(due[:limit])
            until = database_now() + LEASE
            for notice in notices:
                notice.tries += 1
                notice.due_at = notice.claimed_until = until
                notice.save(update_fields=["tries", "due_at", "claimed_until"])
        return notices

    def _mail(self, address: str, notices: Sequence[Notice]) -> Write:
        """Run in a thread of the pool."""
        recipients = address.split(",") if address else list(settings.ALERT_EMAILS)
        if not recipients:
            return partial(self._heard, notices, Result("the settings name nobody to be told", is_final=True))
        return partial(self._heard, notices, mail.deliver(email_about(notices, recipients)))

    def _post(self, notice: Notice) -> Write:
        """Run in a thread of the pool."""
        return partial(self._heard, [notice], post(notice))

    def _heard(self, notices: Sequence[Notice], result: Result) -> None:
        self._ways[Channel(notices[0].channel)].heard(result)
        for notice in notices:
            _note(notice, result)


def email_about(notices: Sequence[Notice], recipients: Sequence[str]) -> EmailMessage:
    """Return one e-mail that tells all of `notices`, the gravest first."""
    ordered = sorted(notices, key=lambda notice: (_SEVERITIES.index(Severity(notice.severity)), notice.pk))
    gravest = ordered[0]
    subject = f"[{gravest.severity}] {gravest.subject}"
    if len(ordered) > 1:
        subject += f" and {len(ordered) - 1} more"
    parts = [f"[{notice.severity}] {notice.subject}\n{notice.text}\n{link_of(notice)}".strip() for notice in ordered]
    headers = {"Auto-Submitted": "auto-generated"}  # RFC 3834
    return EmailMessage(f"Paysite: {subject}", "\n\n".join(parts) + "\n", None, list(recipients), headers=headers)


def link_of(notice: Notice) -> str:
    """Return the address of the console's page that shows more; empty where there is none."""
    return f"{settings.PUBLIC_URL}{notice.path}" if notice.path else ""


def _by_address(notices: Iterable[Notice]) -> dict[str, list[Notice]]:
    groups: dict[str, list[Notice]] = {}
    for notice in notices:
        groups.setdefault(notice.address, []).append(notice)
    return groups


def _note(notice: Notice, result: Result) -> None:
    mine = Notice.objects.filter(pk=notice.pk, claimed_until=notice.claimed_until)
    if not result.trouble:
        # Whoever has it by now: it is told.
        Notice.objects.filter(pk=notice.pk).update(due_at=None, claimed_until=None, sent_at=Now(), trouble="")
        return
    logger.warning("notice %s could not be told by %s: %s", notice.pk, notice.channel, result.trouble)
    wait = None if result.is_final else next_try(notice.tries)
    due_at = None if wait is None else database_now() + wait
    given_up = "" if wait is not None else f"given up after {notice.tries} tries: "
    mine.update(due_at=due_at, claimed_until=None, trouble=f"{given_up}{result.trouble}"[:200])
