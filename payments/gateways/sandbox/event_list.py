"""GET /v1/events: what has happened at the sandbox gateway, newest first, for whoever missed a webhook."""

import json
from typing import Any

from aiohttp import web

from payments.gateways.sandbox.answers import Answer
from payments.gateways.sandbox.handling import page_of, question
from payments.gateways.sandbox.state import SANDBOX


async def list_events(request: web.Request) -> web.StreamResponse:
    """`limit` (10) events, older than the event `starting_after` where given."""
    return await question(request, "list", lambda: _page(request))


def _page(request: web.Request) -> Answer:
    store = request.app[SANDBOX].store
    store.flush()
    store.refunds.settle_due()

    def position(event_id: str) -> int | None:
        event = store.events.find(event_id)
        return None if event is None else event.seq

    def found(before: int | None, limit: int) -> list[dict[str, Any]]:
        return [json.loads(event.body) for event in store.events.newest(before=before, limit=limit)]

    return page_of(request.query, position, found)
