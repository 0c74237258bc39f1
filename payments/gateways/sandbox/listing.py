"""Reads the sandbox gateway's list of charges, newest first, page by page."""

from typing import Final
from urllib.parse import quote

from payments.gateways.base import Kind, Listed, Listing
from payments.gateways.documents import document
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient
from payments.gateways.reports import ChargeReport
from payments.gateways.sandbox.wire import SandboxDialect

_PAGE: Final = 100
# After an interruption of any length more is read by the next reading: no reading holds a thread for ever.
_MOST_PAGES: Final = 400


def charges_since(http: HttpClient, dialect: SandboxDialect, created: int | None, ends_at: float) -> Listing:
    """Return every charge made at or after `created`; only the newest page without it."""
    found: list[Listed] = []
    after = ""
    for _ in range(_MOST_PAGES):
        reply = http.call("GET", f"/v1/charges?limit={_PAGE}{after}", ends_at=ends_at)
        if isinstance(reply, Failure):
            return Listing((), reply.reason)
        if reply.status != 200:
            return Listing((), f"status_{reply.status}")
        page = document(reply)
        reports = reports_of(page.get("data"), dialect) if page is not None and page.get("object") == "list" else None
        if page is None or reports is None or type(page.get("has_more")) is not bool:
            return Listing((), "schema")
        found += [_listed(report) for report in reports if created is None or report.created >= created]
        if created is None or not page["has_more"] or not reports or reports[-1].created < created:
            return Listing(tuple(found))
        after = f"&starting_after={quote(reports[-1].reference, safe='')}"
    return Listing((), "too_many")


def reports_of(items: object, dialect: SandboxDialect) -> list[ChargeReport] | None:
    """Return the charges of a list, or None where one of them is not whole."""
    if not isinstance(items, list):
        return None
    reports = [dialect.report(item) if isinstance(item, dict) else None for item in items]
    whole = [report for report in reports if report is not None]
    return whole if len(whole) == len(items) else None


def _listed(report: ChargeReport) -> Listed:
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
