"""The HTTP API of the sandbox gateway for refunds and disputes, /v1/refunds and /v1/disputes."""

from typing import Any

from aiohttp import web

from payments.gateways.sandbox import refunds
from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.dispute import dispute_object
from payments.gateways.sandbox.handling import Work, body_of, page_of, question, respond
from payments.gateways.sandbox.refund import refund_object
from payments.gateways.sandbox.refund_orders import read_refund_order
from payments.gateways.sandbox.senders import sent
from payments.gateways.sandbox.state import SANDBOX


async def create_refund(request: web.Request) -> web.StreamResponse:
    """POST /v1/refunds with an Idempotency-Key."""
    sandbox = request.app[SANDBOX]
    body = await body_of(request)
    if isinstance(body, web.Response):
        return body
    order = read_refund_order(body, request.headers.get("Idempotency-Key", ""), sandbox.config)
    if isinstance(order, Answer):
        return sent(order)
    charge = sandbox.store.charge(order.charge)
    reference = charge.reference if charge else ""
    sandbox.store.refunds.log_request(order, reference)
    work = Work(
        run=lambda wait: refunds.create(sandbox, order, wait=wait),
        twice=lambda: refunds.create_twice(sandbox, order),
        rule=lambda wait, fault: refunds.create(
            sandbox, order, wait=wait, ruling=refunds.ruling_of(fault.kind, fault.params)
        ),
    )
    return await respond(request, sandbox.faults.match("refund", reference=reference, key=order.key), work)


async def read_refund(request: web.Request) -> web.StreamResponse:
    """GET /v1/refunds/{id}."""
    book, refund_id = request.app[SANDBOX].store.refunds, request.match_info["id"]
    known = book.find(refund_id)
    reference, key = (known.reference, known.key or "") if known else ("", "")

    def found() -> Answer:
        refund = book.find(refund_id)
        if refund is None:
            return refused(404, "not_found", "There is no such refund.")
        return answer(200, refund_object(refund))

    return await question(request, "refund_look_up", found, reference=reference, key=key)


async def list_refunds(request: web.Request) -> web.StreamResponse:
    """GET /v1/refunds: by `idempotency_key` (a look-up), of one `charge`, or all; newest first, by cursor."""
    book, query = request.app[SANDBOX].store.refunds, request.query
    key, charge_id = query.get("idempotency_key"), query.get("charge")

    def found(before: int | None, limit: int) -> list[dict[str, Any]]:
        newest = book.newest(key=key, charge_id=charge_id, before=before, limit=limit)
        return [refund_object(refund) for refund in newest]

    operation = "list" if key is None else "refund_look_up"
    # A refund that was asked for and never made has the reference of its request.
    reference = book.reference_asked(key) if key else ""
    return await question(
        request, operation, lambda: page_of(query, book.position, found), reference=reference, key=key or ""
    )


async def read_dispute(request: web.Request) -> web.StreamResponse:
    """GET /v1/disputes/{id}."""
    book, dispute_id = request.app[SANDBOX].store.disputes, request.match_info["id"]
    known = book.find(dispute_id)

    def found() -> Answer:
        dispute = book.find(dispute_id)
        if dispute is None:
            return refused(404, "not_found", "There is no such dispute.")
        return answer(200, dispute_object(dispute))

    return await question(request, "dispute_look_up", found, reference=known.reference if known else "")
