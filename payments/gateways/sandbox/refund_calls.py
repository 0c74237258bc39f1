"""The refunds of the sandbox gateway's adapter: sent, looked up and listed."""

import json
from urllib.parse import quote

from payments.gateways.after_capture import ListedRefund, RefundListing, RefundLookUpRequest, RefundRequest
from payments.gateways.base import Kind, Outcome
from payments.gateways.http import HttpClient
from payments.gateways.reports import Expected, Report, judge
from payments.gateways.sandbox.look_ups import Place
from payments.gateways.sandbox.refund_wire import RefundDialect


class RefundCalls:
    """Over the adapter's own connections."""

    def __init__(self, http: HttpClient) -> None:
        self._place = Place(http, "/v1/refunds", "refund", RefundDialect())

    def refund(self, request: RefundRequest) -> Outcome:
        """Send one refund under its key."""
        document = {"charge": request.charge, "amount": request.amount, "currency": request.currency}
        if request.reason:
            document["reason"] = request.reason
        body = json.dumps(document, separators=(",", ":")).encode()
        return self._place.send(request.key, body, _expected(request), request.ends_at)

    def look_up(self, request: RefundLookUpRequest) -> Outcome:
        """Ask by the gateway's id where it is known, then by key where there is one."""
        places = []
        if request.reference:
            places.append(f"/{quote(request.reference, safe='')}")
        if request.key:
            places.append(f"?idempotency_key={quote(request.key, safe='')}&limit=100")
        outcome = Outcome(Kind.UNKNOWN, "not_asked")
        for place in places:
            outcome = self._place.look(place, _expected(request), request.ends_at)
            if outcome.kind is not Kind.NOT_FOUND:
                break
        return outcome

    def since(self, created: int | None, ends_at: float) -> RefundListing:
        """Read the list of refunds page by page, newest first."""
        found = self._place.since(created, ends_at)
        return RefundListing((), found) if isinstance(found, str) else RefundListing(tuple(map(_listed, found)))


def _expected(request: RefundRequest | RefundLookUpRequest) -> Expected:
    return Expected(request.payment_id, request.amount, request.currency, charge=request.charge, key=request.key)


def _listed(report: Report) -> ListedRefund:
    # Nothing is expected of it: it is judged by itself alone.
    own = Expected(report.payment_id, report.amount, report.currency, report.live)
    return ListedRefund(
        reference=report.reference,
        key=report.key,
        charge=report.charge,
        payment_id=report.payment_id,
        amount=report.amount,
        currency=report.currency,
        live=report.live,
        created=report.created,
        outcome=judge(report, own, 200),
    )
