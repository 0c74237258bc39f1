"""Posts an alert to the team's webhook: JSON with a `text`, as chat tools take it (docs/alerts.md)."""

import time
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import orjson
from django.conf import settings

from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient
from payments.models import Notice
from payments.services.messages_way import Result

# Seconds for one call in all.
DEADLINE: Final = 10.0
_ANSWERED: Final = range(200, 300)


def post(notice: Notice) -> Result:
    """Post `notice`; in a thread of the outbox, without the database. The address is a secret and told to nobody."""
    if not settings.ALERT_WEBHOOK:
        return Result("the settings name no webhook", is_final=True)
    address = urlsplit(settings.ALERT_WEBHOOK)
    path = f"{address.path or '/'}{'?' if address.query else ''}{address.query}"
    link = f"{settings.PUBLIC_URL}{notice.path}" if notice.path else ""
    said = {
        "text": "\n".join(part for part in (f"[{notice.severity}] {notice.subject}", notice.text, link) if part),
        "severity": notice.severity,
        "kind": notice.kind,
        "link": link,
    }
    reply = _client(f"{address.scheme}://{address.netloc}").call(
        "POST", path, ends_at=time.monotonic() + DEADLINE, body=orjson.dumps(said)
    )
    if isinstance(reply, Failure):
        return Result(reply.reason, is_down=True)
    return Result() if reply.status in _ANSWERED else Result(f"HTTP {reply.status}", is_down=True)


@cache
def _client(origin: str) -> HttpClient:
    headers = {"Content-Type": "application/json"}
    return HttpClient(origin, headers=headers, connect_timeout=5, read_timeout=10, pool_size=4)
