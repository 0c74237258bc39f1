"""The HTTP API of the sandbox gateway, /v1/…: Bearer secret, JSON in and out.

Every answer goes through handling.py, where an armed fault may spoil it. Refunds are in refund_api.py.
"""

from typing import Any

from aiohttp import web

from payments.gateways.sandbox import charges
from payments.gateways.sandbox.answers import Answer, answer
from payments.gateways.sandbox.charge import as_object
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.handling import Work, after, body_of, page_of, question, respond
from payments.gateways.sandbox.orders import read_order
from payments.gateways.sandbox.scenarios import verdict_of
from payments.gateways.sandbox.senders import sent
from payments.gateways.sandbox.state import SANDBOX


async def create_charge(request: web.Request) -> web.StreamResponse:
    """POST /v1/charges with an Idempotency-Key."""
    sandbox = request.app[SANDBOX]
    body = await body_of(request)
    if isinstance(body, web.Response):
        return body
    order = read_order(body, request.headers.get("Idempotency-Key", ""), sandbox.config)
    if isinstance(order, Answer):
        return sent(order)
    sandbox.store.log_request(order, now_ms())
    origin = f"http://{request.host}"
    work = Work(
        run=lambda wait: charges.create(sandbox, order, origin, wait=wait),
        twice=lambda: charges.create_twice(sandbox, order, origin),
        rule=lambda wait, fault: charges.create(sandbox, order, origin, wait=wait, verdict=verdict_of(fault.params)),
    )
    fault = sandbox.faults.match("charge", token=order.token, reference=order.reference, key=order.key)
    return await respond(request, fault, work)


async def read_charge(request: web.Request) -> web.StreamResponse:
    """GET /v1/charges/{id}."""
    sandbox, charge_id = request.app[SANDBOX], request.match_info["id"]

    def found() -> Answer:
        charge = sandbox.store.charge(charge_id)
        return charges.not_found() if charge is None else answer(200, as_object(charge))

    return await question(request, "look_up", found)


async def list_charges(request: web.Request) -> web.StreamResponse:
    """GET /v1/charges: by `idempotency_key` or else by `reference` (look-ups), or all; newest first, by cursor."""
    query = request.query
    reference, key = query.get("reference", ""), query.get("idempotency_key", "")
    operation = "look_up" if "idempotency_key" in query or "reference" in query else "list"
    return await question(request, operation, lambda: _page(request), reference=reference, key=key)


def _page(request: web.Request) -> Answer:
    store, query = request.app[SANDBOX].store, request.query

    def found(before: int | None, limit: int) -> list[dict[str, Any]]:
        if "idempotency_key" in query:
            charges = store.charges_by_key(query["idempotency_key"], before=before, limit=limit)
        elif "reference" in query:
            charges = store.charges_by_reference(query["reference"], before=before, limit=limit)
        else:
            charges = store.all_charges(before=before, limit=limit)
        return [as_object(charge) for charge in charges]

    return page_of(query, store.position, found)


async def cancel_charge(request: web.Request) -> web.StreamResponse:
    """POST /v1/charges/{id}/cancel: void, confirmed in the answer."""
    sandbox, charge_id = request.app[SANDBOX], request.match_info["id"]
    return await question(request, "cancel", lambda: charges.cancel(sandbox, charge_id))


async def balance(request: web.Request) -> web.StreamResponse:
    """GET /v1/balance: minor units per currency."""
    sandbox = request.app[SANDBOX]
    available = [{"currency": code, "amount": amount} for code, amount in sandbox.store.balance().items()]
    return await question(request, "list", lambda: answer(200, {"object": "balance", "available": available}))


async def health(request: web.Request) -> web.StreamResponse:
    """GET /v1/health; needs no secret."""
    name = request.app[SANDBOX].config.name
    work = Work(run=lambda wait: after(wait, lambda: answer(200, {"status": "ok", "name": name})))
    return await respond(request, request.app[SANDBOX].faults.match("health"), work)
