"""The control API, /control/…: arms faults, sets the latency, and shows the truth to a checker. Bearer secret.

`POST /control/faults` takes `kind` (a name in breakage.KINDS, or `outage`), `operation` (`charge` unless given),
`count`, `probability`, a window (`seconds` from `after_seconds` on), `token`, `reference`, `key` (the idempotency key),
and `params` of the kind; or a list of such objects. `decline` is for charges and refunds, with the parameters `code`
and, for charges, `network_advice`: it is declined, and that is saved under its key. `pending` is for refunds alone: it
succeeds after `seconds`, without them never by itself. The operation `webhook` has kinds of its own (webhooks.py), and
there the fault can be aimed at an event `type`.
"""

import json
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.breakage import DECLINE, KINDS, OUTAGE, PENDING
from payments.gateways.sandbox.charge import Charge, as_object
from payments.gateways.sandbox.dispute import dispute_object
from payments.gateways.sandbox.faults import OPERATIONS, Fault
from payments.gateways.sandbox.handling import authorised, unauthorised
from payments.gateways.sandbox.refund import refund_object
from payments.gateways.sandbox.scenarios import ADVICES, CODE
from payments.gateways.sandbox.senders import sent
from payments.gateways.sandbox.state import SANDBOX, Sandbox
from payments.gateways.sandbox.webhooks import KINDS as WEBHOOK_KINDS
from payments.gateways.sandbox.webhooks import OPERATION as WEBHOOK

Document = dict[str, Any]
_NAMES = frozenset(
    (
        "kind",
        "operation",
        "count",
        "probability",
        "seconds",
        "after_seconds",
        "token",
        "reference",
        "key",
        "type",
        "params",
    )
)


def guarded(act: Callable[[Sandbox, web.Request], Awaitable[Answer]]) -> Callable[[web.Request], Awaitable[Any]]:
    """Return the handler that runs `act` for whoever has the secret."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if not authorised(request):
            return sent(unauthorised())
        return sent(await act(request.app[SANDBOX], request))

    return handler


async def show_faults(sandbox: Sandbox, _request: web.Request) -> Answer:
    return answer(200, {"faults": sandbox.faults.shown()})


async def clear_faults(sandbox: Sandbox, _request: web.Request) -> Answer:
    sandbox.faults.clear()
    return answer(200, {"faults": []})


async def arm_faults(sandbox: Sandbox, request: web.Request) -> Answer:
    """Arm one fault, or each of a list: all of them, or none where one is wrong."""
    given = await json_in(request)
    faults = []
    for each in given if isinstance(given, list) else [given]:
        fault = _fault(each) if isinstance(each, dict) else "The body is not a JSON object."
        if isinstance(fault, str):
            return refused(400, "fault_invalid", fault)
        faults.append(fault)
    for fault in faults:
        _arm(sandbox, fault)
    now = time.monotonic()
    shown = [fault.shown(now) for fault in faults]
    return answer(201, {"faults": shown} if isinstance(given, list) else shown[0])


def _arm(sandbox: Sandbox, fault: Fault) -> None:
    if fault.kind == OUTAGE:
        sandbox.outage_seconds = float(fault.ends_at or 0) - time.monotonic()
        sandbox.outage_asked.set()
    else:
        sandbox.faults.arm(fault)


async def set_latency(sandbox: Sandbox, request: web.Request) -> Answer:
    """Set how many milliseconds each API call takes: `{"ms": 150}`."""
    document = await json_in(request)
    if not isinstance(document, dict) or not is_number(document.get("ms"), 0, 600_000):
        return refused(400, "latency_invalid", "'ms' is 0 to 600000.")
    sandbox.latency = document["ms"] / 1000
    return answer(200, {"ms": document["ms"]})


async def set_challenge_life(sandbox: Sandbox, request: web.Request) -> Answer:
    """Set for how long a charge waits for its customer, also those that wait now: `{"seconds": 900}`."""
    document = await json_in(request)
    if not isinstance(document, dict) or not is_number(document.get("seconds"), 0, 86_400):
        return refused(400, "challenge_life_invalid", "'seconds' is 0 to 86400.")
    sandbox.store.challenge_life = document["seconds"]
    return answer(200, {"seconds": document["seconds"]})


async def ledger(sandbox: Sandbox, _request: web.Request) -> Answer:
    """Show every charge, refund and dispute there is, newest first."""
    store = sandbox.store
    shown = {
        "charges": [{**as_object(charge), "created_ms": charge.created_ms} for charge in store.all_charges()],
        "refunds": [{**refund_object(each), "created_ms": each.created_ms} for each in store.refunds.newest()],
        "disputes": [{**dispute_object(each), "created_ms": each.created_ms} for each in store.disputes.newest()],
    }
    return answer(200, shown)


async def requests(sandbox: Sandbox, request: web.Request) -> Answer:
    """Show the requests received, oldest first, of one `idempotency_key`, `reference` or `operation` where given.

    operation: `charge` or `refund`, a member of each.
    """
    store, query = sandbox.store, request.query
    key, reference, wanted = query.get("idempotency_key"), query.get("reference"), query.get("operation")
    logs = {"charge": store.requests, "refund": store.refunds.requests}
    found = [
        {"operation": operation, **each}
        for operation, log in logs.items()
        if wanted in {None, operation}
        for each in log(key=key, reference=reference)
    ]
    return answer(200, {"requests": sorted(found, key=lambda each: int(each["at_ms"]))})


async def json_in(request: web.Request) -> Any:
    """Return the body as JSON, None where it is none."""
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError):
        return None


def charge_named(sandbox: Sandbox, given: Any, names: set[str]) -> Charge | Answer:
    """Return the charge that a body of these members names, or what is wrong with its `charge`, `amount`, `reason`."""
    if not isinstance(given, dict) or not set(given) <= names:
        return refused(400, "body_invalid", f"The body is a JSON object; its members are: {', '.join(sorted(names))}.")
    amount, reason = given.get("amount", 1), given.get("reason", "other")
    if type(amount) is not int or amount <= 0 or not (isinstance(reason, str) and CODE.fullmatch(reason)):
        return refused(400, "body_invalid", "'amount' is in minor units, and 'reason' a word of small letters.")
    charge = sandbox.store.charge(str(given.get("charge")))
    return refused(404, "not_found", "There is no such charge.") if charge is None else charge


def _fault(given: Document) -> Fault | str:
    """Return the fault that is asked for, or what is wrong with it."""
    if problem := _problem(given):
        return problem
    start = time.monotonic() + given.get("after_seconds", 0)
    return Fault(
        id=f"flt_{secrets.token_hex(6)}",
        kind=given["kind"],
        operation=given.get("operation", "charge"),
        token=given.get("token", ""),
        reference=given.get("reference", ""),
        key=given.get("key", ""),
        type=given.get("type", ""),
        count=given.get("count"),
        probability=given.get("probability", 1.0),
        starts_at=start,
        ends_at=start + given["seconds"] if "seconds" in given else None,
        params=given.get("params", {}),
    )


def _problem(given: Document) -> str:
    """Return the first thing that is wrong, or an empty text."""
    count, params = given.get("count", 1), given.get("params", {})
    kinds = WEBHOOK_KINDS if given.get("operation") == WEBHOOK else (*KINDS, OUTAGE)
    checks = (
        (set(given) <= _NAMES, f"The members are: {', '.join(sorted(_NAMES))}."),
        (given.get("kind") in kinds, f"'kind' is one of: {', '.join(sorted(kinds))}."),
        (given.get("operation", "charge") in OPERATIONS, f"'operation' is one of: {', '.join(OPERATIONS)}."),
        (type(count) is int and count > 0, "'count' is a whole number of requests."),
        (is_number(given.get("probability", 1), 0, 1), "'probability' is 0 to 1."),
        (is_number(given.get("seconds", 1), 0, 86_400), "'seconds' is 0 to 86400."),
        (is_number(given.get("after_seconds", 0), 0, 86_400), "'after_seconds' is 0 to 86400."),
        (isinstance(given.get("token", ""), str), "'token' is text."),
        (isinstance(given.get("reference", ""), str), "'reference' is text."),
        (isinstance(given.get("key", ""), str), "'key' is text."),
        (isinstance(given.get("type", ""), str), "'type' is text."),
        (isinstance(params, dict), "'params' is an object."),
        (given.get("kind") != OUTAGE or "seconds" in given, "An outage needs 'seconds': nobody could end it early."),
    )
    problem = next((message for holds, message in checks if not holds), "")
    ruled = {DECLINE: _decline_problem, PENDING: _pending_problem}.get(given.get("kind", ""))
    return problem or (ruled(given, params) if ruled else "")


def _decline_problem(given: Document, params: Document) -> str:
    code, advice, operation = params.get("code"), params.get("network_advice"), given.get("operation", "charge")
    if operation not in {"charge", "refund"}:
        return "Only a charge or a refund can be declined."
    if not (isinstance(code, str) and CODE.fullmatch(code)):
        return "A decline needs its 'code': up to 64 small letters, digits and underscores."
    if advice is not None and operation == "refund":
        return "'network_advice' is of a charge."
    return "" if advice is None or advice in ADVICES else f"'network_advice' is one of: {', '.join(ADVICES)}."


def _pending_problem(given: Document, params: Document) -> str:
    if given.get("operation") != "refund":
        return "Only a refund can be pending."
    return "" if is_number(params.get("seconds", 1), 0, 86_400) else "'seconds' is 0 to 86400."


def is_number(value: Any, least: float, most: float) -> bool:
    """Say whether `value` is a number within these limits; true and false are none."""
    return type(value) in {int, float} and least <= value <= most
