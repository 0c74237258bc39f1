"""GET /v1/events: what has happened at the sandbox gateway, newest first, for whoever missed a webhook."""

import json

from aiohttp import web

from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.api import limit_in, question
from payments.gateways.sandbox.state import SANDBOX


async def list_events(request: web.Request) -> web.StreamResponse:
    """`limit` (10) events, older than the event `starting_after` where given."""
    return await question(request, "list", lambda: _page(request))


def _page(request: web.Request) -> Answer:
    limit = limit_in(request.query)
    if isinstance(limit, Answer):
        return limit
    store = request.app[SANDBOX].store
    store.flush()
    before = None
    if "starting_after" in request.query:
        last = store.events.find(request.query["starting_after"])
        if last is None:
            return refused(400, "parameter_invalid", "There is no such event.", param="starting_after")
        before = last.seq
    found = store.events.newest(before=before, limit=limit + 1)
    data = [json.loads(event.body) for event in found[:limit]]
    return answer(200, {"object": "list", "data": data, "has_more": len(found) > limit})
