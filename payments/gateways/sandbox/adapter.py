"""The adapter of the sandbox gateway: our requests in its words, its replies as outcomes."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from payments.gateways.base import (
    Capabilities,
    ChargeRequest,
    EventNotice,
    Kind,
    Listing,
    LookUpRequest,
    Outcome,
    VoidRequest,
)
from payments.gateways.documents import document
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient, Reply
from payments.gateways.replies import read_charge, unanswered
from payments.gateways.reports import ChargeReport, Expected, judge
from payments.gateways.sandbox.listing import charges_since, reports_of
from payments.gateways.sandbox.notices import notice_of
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

    def charge(self, request: ChargeRequest) -> Outcome:
        """Send one charge under its key."""
        reply = self._http.call(
            "POST",
            "/v1/charges",
            ends_at=request.ends_at,
            body=_charge_body(request),
            headers={"Idempotency-Key": request.key},
        )
        if isinstance(reply, Failure):
            return unanswered(reply)
        expected = Expected(request.payment_id, request.amount, request.currency)
        return read_charge(reply, expected, self._dialect, datetime.now(UTC))

    def look_up(self, request: LookUpRequest) -> Outcome:
        """Ask by the gateway's id where it is known, then by key, then by our reference."""
        ends_at = request.ends_at
        key, payment_id = quote(request.key, safe=""), quote(request.payment_id, safe="")
        places = [f"?idempotency_key={key}&limit=100", f"?reference={payment_id}&limit=100"]
        if request.reference:
            places.insert(0, f"/{quote(request.reference, safe='')}")
        outcome = Outcome(Kind.UNKNOWN, "not_asked")
        for place in places:
            outcome = self._look(place, request, ends_at)
            if outcome.kind is not Kind.NOT_FOUND:
                break
        return outcome

    def void(self, request: VoidRequest) -> Outcome:
        """POST /v1/charges/{id}/cancel, which undoes a charge in any state and says so again when repeated."""
        place = f"/v1/charges/{quote(request.reference, safe='')}/cancel"
        reply = self._http.call("POST", place, ends_at=request.ends_at)
        if isinstance(reply, Failure):
            return unanswered(reply)
        expected = Expected(request.payment_id, request.amount, request.currency)
        if reply.status == 404:
            return Outcome(Kind.NOT_FOUND, "not_found", http_status=404)
        if reply.status == 409:
            return self._not_canceled(reply, expected)
        return read_charge(reply, expected, self._dialect, datetime.now(UTC))

    def charges_since(self, created: int | None, ends_at: float) -> Listing:
        """Read the list of charges page by page, newest first."""
        return charges_since(self._http, self._dialect, created, ends_at)

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
            return read_charge(reply, expected, self._dialect, datetime.now(UTC))
        return judge(report, expected, reply.status)

    def _look(self, place: str, request: LookUpRequest, ends_at: float) -> Outcome:
        reply = self._http.call("GET", f"/v1/charges{place}", ends_at=ends_at)
        if isinstance(reply, Failure):
            # The question did not arrive: that says nothing about the charge.
            return replace(unanswered(reply), kind=Kind.UNKNOWN)
        expected = Expected(request.payment_id, request.amount, request.currency)
        if reply.status == 200:
            return self._found(reply, request.key, expected)
        if reply.status == 404 and place.startswith("/"):
            return Outcome(Kind.NOT_FOUND, "not_found", http_status=404)
        return _unanswered_question(read_charge(reply, expected, self._dialect, datetime.now(UTC)))

    def _found(self, reply: Reply, key: str, expected: Expected) -> Outcome:
        reports = self._reports(reply)
        if reports is None:
            reason = "schema" if document(reply) is not None else "not_json"
            return Outcome(Kind.UNKNOWN, reason, http_status=reply.status, opens_breaker=True)
        # By our reference every attempt of the payment is found; only charges made under this key answer for it.
        outcomes = [judge(report, expected, reply.status) for report in reports if report.key == key]
        if not outcomes:
            return Outcome(Kind.NOT_FOUND, "not_found", http_status=reply.status)
        return outcomes[0] if len(outcomes) == 1 else _of_several(outcomes)

    def _reports(self, reply: Reply) -> list[ChargeReport] | None:
        """Return the charges of a reply, or None where it is not whole."""
        found = document(reply)
        if found is None:
            return None
        if found.get("object") == "charge":
            return reports_of([found], self._dialect)
        if found.get("object") == "list" and found.get("has_more") is False:
            return reports_of(found.get("data"), self._dialect)
        return None


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


def _unanswered_question(outcome: Outcome) -> Outcome:
    """The same words for a look-up, where no error status says anything about the charge itself."""
    return Outcome(
        Kind.UNKNOWN,
        outcome.reason,
        message=outcome.message,
        http_status=outcome.http_status,
        retry_after=outcome.retry_after,
        alert=outcome.alert,
        opens_breaker=outcome.opens_breaker,
    )


def _of_several(outcomes: list[Outcome]) -> Outcome:
    """Several charges under one key: a doubt about any of them decides, else money taken."""
    order = (Kind.UNKNOWN, Kind.SUCCEEDED, Kind.ACTION_REQUIRED, Kind.DECLINED, Kind.VOIDED)
    first = min(outcomes, key=lambda outcome: order.index(outcome.kind))
    message = "The gateway made several charges under one key: " + ", ".join(each.reference for each in outcomes)
    reason = first.reason if first.kind is Kind.UNKNOWN else "duplicate_charges"
    also = tuple(outcome for outcome in outcomes if outcome is not first)
    # Money taken twice is seen to by itself; anything else is for people.
    also_taken = first.kind is Kind.SUCCEEDED
    return replace(first, reason=reason, message=message[:500], alert=not also_taken, also=also)
