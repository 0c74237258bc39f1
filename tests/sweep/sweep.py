"""Runs the sweep through the whole product: payments are accepted, claimed and settled against a real gateway.

`run` needs Django set up and a migrated database in which nothing else is at work; it starts and ends a sandbox gateway
of its own.
"""

import logging
import random
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.test import override_settings

from payments.audit import Because
from payments.idempotency import request_hash
from payments.models import Circuit, Client, GatewayWatch, Payment
from payments.reliability.gateways import gateway_named
from payments.services.accept import PayRequest, accept
from payments.services.circuits import hold_closed
from payments.services.settle import Settler
from payments.states import PaymentStatus
from tests.payments.gateways.raw import Behaviour, raw_server, reset
from tests.sandbox import SandboxProcess, sandbox_process
from tests.support.virtual_time import advance
from tests.sweep import refunds, requests_cut, verdict
from tests.sweep.cases import Case, cases_of
from tests.sweep.replies import AMOUNT, CURRENCY, some_of, whole_replies

_BECAUSE: Final = Because(actor="worker:sweep", cause="job:sweep")
# Seconds of a gateway call; long enough that a busy machine ends no call that is not meant to be ended.
_DEADLINE: Final = 4
_THREADS: Final = 64
# Seconds of virtual time before each round after the first. All is quiet within 15 minutes (requirement B4).
_WAITS: Final = (10, 20, 40, 80, 160, 320)
_BATCH: Final = 500
_REQUEST: Final = Case("request cut on its way")
# A reset that comes before the request was written proves that it was not sent.
_ON_ACCEPT: Final = Case("reset on accept", may_be_unsent=True)
_ACCEPTS: Final = 16
# Payments whose refunds are tried; each is of some hundred units.
_REFUNDED: Final = 20
# They are read by the same code as replies to charges, so that fewer bytes do, beside the ends of all lines.
_FEWER: Final = 4


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What was done, by what really happened. violations: one sentence each, none where all is right.

    replies_cut: replies that ended early; resets: connections that ended with a TCP reset; requests_cut: requests that
    reached the gateway in part or not at all; refund_replies_cut: replies to refunds and to their look-ups;
    virtual_seconds: until everything was final.
    """

    seed: int
    share: float
    payments: int
    replies_cut: int
    resets: int
    drips: int
    requests_cut: int
    refund_replies_cut: int
    virtual_seconds: int
    violations: list[str]


def run(seed: int, share: float = 1.0) -> SweepResult:
    """Cut replies and requests after every byte (`share` 1.0), or around all line ends and a share of the others.

    seed: chooses the others, so that a run can be repeated.
    """
    with (
        _quiet_about_headers(),
        tempfile.TemporaryDirectory() as folder,
        sandbox_process(Path(folder) / "ledger.sqlite3") as sandbox,
    ):
        return _Sweep(sandbox, seed, share).run()


@dataclass
class _Sweep:
    sandbox: SandboxProcess
    seed: int
    share: float
    cases: dict[str, Case] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    requests_cut: int = 0
    virtual_seconds: int = 0

    def run(self) -> SweepResult:
        self.chance = random.Random(self.seed)
        self.mark = secrets.token_hex(6)
        # The watch over the gateway's list would find charges before the look-ups whose answers are to be cut.
        GatewayWatch.objects.all().delete()
        self.shop = Client.objects.create(slug=f"sweep-{self.mark}", name="Sweep", form_secret=self.mark)
        # Every call is to be cut: neither may a breaker end them, nor the share of calls that may be tries again.
        for operation in Circuit.Operation.values:
            hold_closed("primary", operation, "sweep", "every reply is cut")
        replies = whole_replies(self.sandbox)
        self.sandbox.clear_faults()
        self._cut_requests()
        self._accept(cases_of(replies, self.share, self.chance))
        self._arm()
        self._settle()
        faults = self.sandbox.faults()
        self.violations += verdict.unfired(faults)
        self.violations += verdict.judge(self.cases, self.shop, self.sandbox.ledger())
        refunded = self._cut_refunds()
        fired = [fault for fault in faults if fault["fired"]]
        cut = [fault["params"] for fault in fired if fault["kind"] == "cut_reply"]
        return SweepResult(
            seed=self.seed,
            share=self.share,
            payments=len(self.cases),
            replies_cut=sum(params["at_byte"] < params["of"] for params in cut),
            resets=self.requests_cut
            + sum("reset" in fault["kind"] or fault["params"].get("end") == "reset" for fault in fired),
            drips=sum(fault["kind"] == "drip" for fault in fired),
            requests_cut=self.requests_cut,
            refund_replies_cut=refunded,
            virtual_seconds=self.virtual_seconds,
            violations=self.violations,
        )

    def _cut_requests(self) -> None:
        """Reset connections on accept and after each byte of the request; the payments are resolved with all others."""
        seen: list[bytes] = []
        self._drain_through(requests_cut.keeps(seen), [_REQUEST])
        length = len(seen[0])
        after = [0, 1, *sorted(some_of(list(range(2, length - 1)), self.share, self.chance)), length - 1, length]
        sent = self._drain_through(requests_cut.cuts(self.sandbox.port, after), [_REQUEST] * len(after))
        if sent < len(after):
            self.violations.append(f"only {sent} of {len(after)} requests were cut on their way")
        self._drain_through(reset, [_ON_ACCEPT] * _ACCEPTS)

    def _cut_refunds(self) -> int:
        """Refund what was charged, bit by bit, with every reply cut; return how many replies there were."""
        self.sandbox.clear_faults()
        paid = list(Payment.objects.filter(client=self.shop, status=PaymentStatus.SUCCESS).order_by("pk")[:_REFUNDED])
        done, wrong = refunds.sweep(
            self.sandbox, paid, self.share / _FEWER, self.chance, lambda: self._drain(self.sandbox.url)
        )
        self.violations += wrong
        return done

    def _drain_through(self, behave: Behaviour, cases: list[Case]) -> int:
        """Accept payments and settle them with a server that behaves so; return how many connections it reset."""
        self._accept(cases)
        with raw_server(behave) as server:
            self._drain(server.url)
        self.requests_cut += server.connections
        return server.connections

    def _accept(self, cases: list[Case]) -> None:
        for case in cases:
            number = len(self.cases)
            order = f"{self.mark}-{number}"
            canonical = {"order": order, "token": case.token}
            request = PayRequest(
                client_id=self.shop.pk,
                key=f"key-{order}",
                request_hash=request_hash(canonical),
                amount=AMOUNT,
                currency=CURRENCY,
                method_type="card",
                method_token=case.token,
                metadata={},
                order_reference=order,
            )
            self.cases[accept(request, _BECAUSE).payment.pk] = case

    def _arm(self) -> None:
        faults = [{**fault, "key": f"{pk}-a1"} for pk, case in self.cases.items() for fault in case.faults]
        for start in range(0, len(faults), _BATCH):
            reply = self.sandbox.call("POST", "/control/faults", json=faults[start : start + _BATCH])
            if reply.status_code != 201:
                raise RuntimeError(f"The faults could not be armed: {reply.text}")

    def _settle(self) -> None:
        """Settle in rounds, with time passing before each but the first, until every payment is final."""
        final = (PaymentStatus.SUCCESS, PaymentStatus.FAILED)
        for wait in (0, *_WAITS):
            if wait:
                advance(wait)
                self.virtual_seconds += wait
            self._drain(self.sandbox.url)
            if not Payment.objects.filter(client=self.shop).exclude(status__in=final).exists():
                return

    def _drain(self, url: str) -> None:
        with _gateway_at(url, self.sandbox.secret):
            settler = Settler(_BECAUSE, threads=_THREADS)
            try:
                settler.drain()
            finally:
                settler.finish()


@contextmanager
def _gateway_at(url: str, secret: str) -> Iterator[None]:
    gateway = {"name": "primary", "kind": "sandbox", "url": url, "origin": url, "secret": secret}
    times = {"GATEWAY_READ_TIMEOUT": _DEADLINE, "GATEWAY_DEADLINE": _DEADLINE}
    with override_settings(GATEWAYS=[gateway], RETRIES_PER_MINUTE=1_000_000, **times):
        gateway_named.cache_clear()
        try:
            yield
        finally:
            gateway_named.cache_clear()


@contextmanager
def _quiet_about_headers() -> Iterator[None]:
    """Keep urllib3 from warning, with a traceback each, of the headers that are cut in the middle of a name."""
    logger = logging.getLogger("urllib3.connection")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
