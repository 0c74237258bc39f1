"""The adapter of the sandbox gateway: our requests in its words, its replies as outcomes."""

import json
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from payments.gateways.after_capture import (
    DisputeReport,
    DisputeRequest,
    RefundListing,
    RefundLookUpRequest,
    RefundRequest,
)
from payments.gateways.base import (
    Capabilities,
    ChargeRequest,
    EventNotice,
    Kind,
    Listed,
    Listing,
    LookUpRequest,
    Outcome,
    VoidRequest,
)
from payments.gateways.documents import document
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient, Reply
from payments.gateways.replies import unanswered
from payments.gateways.reports import Expected, Report, judge
from payments.gateways.sandbox.dispute_wire import look_up_dispute
from payments.gateways.sandbox.look_ups import Place
from payments.gateways.sandbox.notices import notice_of
from payments.gateways.sandbox.refund_calls import RefundCalls
from payments.gateways.sandbox.wire import SandboxDialect
from payments.gateways.signatures import Signatures
from payments.money import EXPONENTS

CAPABILITIES: Final = Capabilities(
    key_life=24 * 60 * 60,
    late_arrival=10 * 60,
    replays_errors=True,
    looks_up_by_key=True,
    looks_up_by_reference=True,
    voids=True,
    lists=True,
    currencies=frozenset(EXPONENTS),
    vault="sandbox",
    event_version="1",
    refunds=True,
    refund_days=180,
    disputes=True,
)


class SandboxGateway:
    """One sandbox gateway. url: its API; origin: where browsers reach its pages; timeouts in seconds."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        origin: str,
        secret: str,
        connect_timeout: float,
        read_timeout: float,
        pool_size: int = 1024,
        webhook_secret: str = "",
    ) -> None:
        self.name = name
        self.capabilities = CAPABILITIES
        url, origin = url.rstrip("/"), origin.rstrip("/")
        self._dialect = SandboxDialect(url, origin)
        self._signatures = Signatures(webhook_secret)
        self._http = HttpClient(
            url,
            headers={
                "Authorization": f"Bearer {secret}",
                "Content-Type": "application/json",
                "User-Agent": "Paysite",
            },
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            pool_size=pool_size,
        )
        self._charges = Place(self._http, "/v1/charges", "charge", self._dialect)
        self._refunds = RefundCalls(self._http)

    def charge(self, request: ChargeRequest) -> Outcome:
        """Send one charge under its key."""
        return self._charges.send(request.key, _charge_body(request), _expected(request), request.ends_at)

    def look_up(self, request: LookUpRequest) -> Outcome:
        """Ask by the gateway's id where it is known, then by key, then by our reference."""
        key, payment_id = quote(request.key, safe=""), quote(request.payment_id, safe="")
        places = [f"?idempotency_key={key}&limit=100", f"?reference={payment_id}&limit=100"]
        if request.reference:
            places.insert(0, f"/{quote(request.reference, safe='')}")
        outcome = Outcome(Kind.UNKNOWN, "not_asked")
        for place in places:
            # By our reference every attempt of the payment is found; only charges made under this key answer for it.
            outcome = self._charges.look(place, _expected(request), request.ends_at, only=request.key)
            if outcome.kind is not Kind.NOT_FOUND:
                break
        return outcome

    def void(self, request: VoidRequest) -> Outcome:
        """POST /v1/charges/{id}/cancel, which undoes a charge in any state and says so again when repeated."""
        place = f"/v1/charges/{quote(request.reference, safe='')}/cancel"
        reply = self._http.call("POST", place, ends_at=request.ends_at)
        if isinstance(reply, Failure):
            return unanswered(reply)
        if reply.status == 404:
            return Outcome(Kind.NOT_FOUND, "not_found", http_status=404)
        if reply.status == 409:
            return self._not_canceled(reply, _expected(request))
        return self._charges.read(reply, _expected(request))

    def refund(self, request: RefundRequest) -> Outcome:
        """Send one refund under its key."""
        return self._refunds.refund(request)

    def look_up_refund(self, request: RefundLookUpRequest) -> Outcome:
        """Ask by the gateway's id where it is known, then by key."""
        return self._refunds.look_up(request)

    def refunds_since(self, created: int | None, ends_at: float) -> RefundListing:
        """Read the list of refunds page by page, newest first."""
        return self._refunds.since(created, ends_at)

    def look_up_dispute(self, request: DisputeRequest) -> DisputeReport:
        """Ask by the gateway's id."""
        return look_up_dispute(self._http, request)

    def charges_since(self, created: int | None, ends_at: float) -> Listing:
        """Read the list of charges page by page, newest first."""
        found = self._charges.since(created, ends_at)
        return Listing((), found) if isinstance(found, str) else Listing(tuple(map(_listed, found)))

    def healthy(self, deadline: float) -> bool:
        """Say whether the health call answers 200 `{"status": "ok"}` in time."""
        reply = self._http.call("GET", "/v1/health", ends_at=time.monotonic() + deadline)
        if isinstance(reply, Failure) or reply.status != 200:
            return False
        found = document(reply)
        return found is not None and found.get("status") == "ok"

    def read_event(self, headers: Mapping[str, str], body: bytes) -> EventNotice:
        """Check the Standard Webhooks signature, then read the event's envelope and which charge it names."""
        return notice_of(self._signatures.verified_id(headers, body), body)

    def _not_canceled(self, reply: Reply, expected: Expected) -> Outcome:
        """A charge that cannot be undone comes with the refusal: what it is, it stays."""
        found = document(reply)
        report = self._dialect.problem(found).report if found is not None else None
        if report is None or report.kind not in {Kind.SUCCEEDED, Kind.DECLINED}:
            return self._charges.read(reply, expected)
        return judge(report, expected, reply.status)


def _expected(request: ChargeRequest | LookUpRequest | VoidRequest) -> Expected:
    return Expected(request.payment_id, request.amount, request.currency)


def _listed(report: Report) -> Listed:
    return Listed(
        reference=report.reference,
        key=report.key,
        payment_id=report.payment_id,
        amount=report.amount,
        currency=report.currency,
        taken=report.kind is Kind.SUCCEEDED,
        waits=report.kind is Kind.ACTION_REQUIRED,
        live=report.live,
        created=report.created,
    )


def _charge_body(request: ChargeRequest) -> bytes:
    document: dict[str, object] = {
        "amount": request.amount,
        "currency": request.currency,
        "token": request.token,
        "reference": request.payment_id,
    }
    if request.return_url:
        document["return_url"] = request.return_url
    if request.request_three_d_secure:
        document["request_three_d_secure"] = True
    if request.metadata:
        document["metadata"] = request.metadata
    return json.dumps(document, separators=(",", ":")).encode()
