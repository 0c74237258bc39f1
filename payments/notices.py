"""Writes alerts: one notice per occurrence and channel, in the transaction of what it tells (requirements G3, G7).

payments/services/notices.py sends them. What nobody set up a channel for is told by the log and the console alone.
"""

import logging
from typing import Final

from django.conf import settings

from payments.models import Notice

logger = logging.getLogger("paysite.alerts")

Severity = Notice.Severity
Channel = Notice.Channel
_LEVELS: Final = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.ERROR}


def tell(kind: str, key: str, subject: str, text: str, severity: str, path: str = "", address: str = "") -> None:
    """Write the notice of one occurrence, in the caller's transaction; the same `key` again writes nothing.

    kind: a word for machines (`endpoint_disabled`). key: names the occurrence, at most 128 characters. severity:
    `info`, `warning` or `critical`. path: of the console's page that shows more, as `/admin/…`. address: e-mail
    addresses separated by commas, of somebody else than the team: such a notice goes to them alone, by e-mail.
    """
    logger.log(_LEVELS[Severity(severity)], "%s: %s", kind, subject)
    notices = [
        Notice(
            kind=kind,
            key=key,
            channel=channel,
            address=address,
            severity=severity,
            subject=" ".join(subject.split())[:200],
            text=text,
            path=path[:200],
        )
        for channel in _channels(address)
    ]
    if notices:
        Notice.objects.bulk_create(notices, ignore_conflicts=True)


def _channels(address: str) -> list[str]:
    if address:
        return [Channel.EMAIL]
    channels: list[str] = [Channel.EMAIL] if settings.ALERT_EMAILS else []
    return [*channels, Channel.WEBHOOK] if settings.ALERT_WEBHOOK else channels
