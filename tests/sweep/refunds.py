"""Cuts the replies to refunds after every byte: to requests, and to the look-ups that find what was lost."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from payments.audit import Because
from payments.gateways.sandbox.framing import FRAMINGS
from payments.ids import new_payment_id, new_refund_id
from payments.models import Payment
from refunds.models import Refund, RefundAttempt
from refunds.services.request import Wanted, request
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance
from tests.sweep.cases import ENDS, fault
from tests.sweep.replies import AMOUNT, CURRENCY, SUCCESS, UNCUT, WholeReply, said

_AMOUNT: Final = 1
_REASON: Final = "customer_request"
_BECAUSE: Final = Because(actor="worker:sweep", cause="job:sweep")
_WAITS: Final = (10, 20, 40, 80, 160, 320)
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Case:
    """One refund. faults: armed for its key. blind: how many calls, from the first, cannot tell its outcome."""

    name: str
    faults: tuple[dict[str, Any], ...]
    blind: int


def sweep(
    sandbox: SandboxProcess, payments: Sequence[Payment], share: float, chance: random.Random, drain: Callable[[], None]
) -> tuple[int, list[str]]:
    """Refund one unit of `payments` for each cut, in turns; return how many replies were cut, and what went wrong.

    payments: paid, and together of enough units. drain: settles all that is due.
    """
    cases = {}
    for number, case in enumerate(_cases(_replies(sandbox), share, chance)):
        payment = payments[number % len(payments)]
        cases[_requested(payment, f"sweep-{number}").pk] = case
    _arm(sandbox, cases)
    drain()
    for wait in _WAITS:
        if not Refund.objects.exclude(state="succeeded").exists():
            break
        advance(wait)
        drain()
    return len(cases), list(_judged(cases, sandbox))


def _requested(payment: Payment, key: str) -> Refund:
    wanted = Wanted(payment.pk, _AMOUNT, _REASON, "api", f"{key}-of-{payment.pk}", limits={payment.currency: 10**6})
    return request(wanted, _BECAUSE).refund


def _replies(sandbox: SandboxProcess) -> list[WholeReply]:
    """Return each kind of reply in each framing; the refunds are of charges of nobody, with ids like those of ours."""
    found = []
    for framing in FRAMINGS:
        payment_id, key = new_payment_id(), new_refund_id()
        card = {"token": SUCCESS, "reference": payment_id}
        charge = sandbox.charge(f"{payment_id}-a1", amount=AMOUNT, currency=CURRENCY, **card).json()["id"]
        params = {"at_byte": UNCUT, "framing": framing}
        for operation in ("refund", "refund_look_up"):
            sandbox.arm("cut_reply", operation=operation, key=key, count=1, params=params)
        asked = {"charge": charge, "amount": _AMOUNT, "currency": CURRENCY, "reason": _REASON}
        body = json.dumps(asked, separators=(",", ":")).encode()
        headers = (f"Idempotency-Key: {key}", f"Content-Length: {len(body)}")
        found.append(WholeReply("refund", framing, said(sandbox, "POST /v1/refunds", headers, body)))
        look_up = f"GET /v1/refunds?idempotency_key={key}&limit=100"
        found.append(WholeReply("refund_look_up", framing, said(sandbox, look_up, (), b"")))
    return found


def _cases(replies: Iterable[WholeReply], share: float, chance: random.Random) -> list[Case]:
    return [_cut(reply, at, end) for reply in replies for end in ENDS for at in reply.cuts(share, chance)]


def _cut(reply: WholeReply, at: int, end: str) -> Case:
    name = f"reply to {reply.about}, {reply.framing}, {end} after byte {at} of {len(reply.raw)}"
    params = {"at_byte": at, "framing": reply.framing, "end": end}
    hidden = 1 if at < reply.believable_from else 0
    cut = fault("cut_reply", reply.about, params)
    if reply.about == "refund":
        return Case(name, (cut,), hidden)
    return Case(name, (fault("execute_then_close", "refund"), cut), 1 + hidden)


def _arm(sandbox: SandboxProcess, cases: dict[str, Case]) -> None:
    faults = [{**each, "key": key} for key, case in cases.items() for each in case.faults]
    for start in range(0, len(faults), _BATCH):
        reply = sandbox.call("POST", "/control/faults", json=faults[start : start + _BATCH])
        if reply.status_code != 201:
            raise RuntimeError(f"The faults could not be armed: {reply.text}")


def _judged(cases: dict[str, Case], sandbox: SandboxProcess) -> Iterable[str]:
    ledger = sandbox.call("GET", "/control/ledger").json()["refunds"]
    made = Counter(each["idempotency_key"] for each in ledger if each["status"] == "succeeded")
    states = dict(Refund.objects.values_list("pk", "state"))
    looks = dict(RefundAttempt.objects.values_list("refund_id", "looks"))
    for key, case in cases.items():
        if (states[key], made[key]) != ("succeeded", 1):
            yield f"{key}, {case.name}: ended {states[key]}, and the gateway refunded {made[key]} times"
        if looks[key] < case.blind:
            yield f"{key}, {case.name}: was believed after {looks[key]} look-ups, and {case.blind} calls told nothing"
