"""The control API's part about events, /control/events: shows how far their delivery is, and makes more of them.

`POST /control/events` takes `type` and either `charge` (the id of a charge here) or `object` (whatever the event is to
be about, such as a charge of another shop); if wanted `api_version`, and `dispute` with what a dispute.created says
(`reason`, `amount` in minor units, `due_by` in UTC seconds).
"""

import secrets
from typing import Any, Final

from aiohttp import web

from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.charge import as_object
from payments.gateways.sandbox.control import json_in
from payments.gateways.sandbox.events import API_VERSION, Told
from payments.gateways.sandbox.state import Sandbox

_NAMES: Final = frozenset(("type", "charge", "object", "api_version", "dispute"))


async def show_events(sandbox: Sandbox, _request: web.Request) -> Answer:
    """Show every event, newest first, with `delivery`: due_ms, tries, answer and delivered_ms."""
    sandbox.store.flush()
    sandbox.store.refunds.settle_due()
    return answer(200, {"events": [event.shown() for event in sandbox.store.events.newest()]})


async def emit_event(sandbox: Sandbox, request: web.Request) -> Answer:
    """Make an event that nothing here has caused."""
    told = _told(sandbox, await json_in(request))
    if isinstance(told, str):
        return refused(400, "event_invalid", told)
    (event_id,) = sandbox.store.events.write([told])
    return _shown(sandbox, event_id, 201)


async def resend_event(sandbox: Sandbox, request: web.Request) -> Answer:
    """POST /control/events/{id}/resend: send an event once more, delivered or not."""
    event_id = request.match_info["id"]
    if not sandbox.store.events.resend(event_id):
        return refused(404, "not_found", "There is no such event.")
    return _shown(sandbox, event_id, 200)


def _shown(sandbox: Sandbox, event_id: str, status: int) -> Answer:
    event = sandbox.store.events.find(event_id)
    assert event is not None  # noqa: S101 - it was written or changed by this very request
    return answer(status, event.shown())


def _told(sandbox: Sandbox, given: Any) -> Told | str:
    """Return the event that is asked for, or what is wrong with it."""
    if not isinstance(given, dict) or not set(given) <= _NAMES:
        return f"The body is a JSON object; its members are: {', '.join(sorted(_NAMES))}."
    kind, version, dispute = given.get("type"), given.get("api_version", API_VERSION), given.get("dispute")
    if not (isinstance(kind, str) and kind and isinstance(version, str)):
        return "'type' and 'api_version' are text, and an event has a type."
    if not isinstance(dispute, dict | None):
        return "'dispute' is an object."
    about = given.get("object")
    if "charge" in given:
        charge = sandbox.store.charge(str(given["charge"]))
        about = as_object(charge) if charge else None
    if not isinstance(about, dict):
        return "'charge' is the id of a charge here; without one, 'object' is an object."
    return Told(kind, about, _more(about, dispute), version)


def _more(about: dict[str, Any], dispute: dict[str, Any] | None) -> dict[str, Any]:
    if dispute is None:
        return {}
    named = {"id": f"dp_{secrets.token_hex(12)}", "object": "dispute", "charge": about.get("id")}
    return {"dispute": {**named, **dispute}}
