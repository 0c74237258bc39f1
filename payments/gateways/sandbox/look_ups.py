"""Asks the sandbox gateway's API about charges or refunds: sends one, looks one up, reads the list of all."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from payments.gateways.base import Kind, Outcome
from payments.gateways.documents import document
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient, Reply
from payments.gateways.replies import Dialect, read_money_reply, unanswered
from payments.gateways.reports import Expected, Report, judge

_PAGE: Final = 100
# After an interruption of any length more is read by the next reading: no reading holds a thread for ever.
_MOST_PAGES: Final = 400
# Of several under one key, a doubt about any of them decides, else money moved.
_ORDER: Final = (Kind.UNKNOWN, Kind.SUCCEEDED, Kind.PENDING, Kind.ACTION_REQUIRED, Kind.DECLINED, Kind.VOIDED)


@dataclass(frozen=True, slots=True)
class Place:
    """One collection of the API. path: where it is; noun: the `object` of its documents; dialect: reads them."""

    http: HttpClient
    path: str
    noun: str
    dialect: Dialect

    def send(self, key: str, body: bytes, expected: Expected, ends_at: float) -> Outcome:
        """POST one under its key."""
        headers = {"Idempotency-Key": key}
        reply = self.http.call("POST", self.path, ends_at=ends_at, body=body, headers=headers)
        return unanswered(reply) if isinstance(reply, Failure) else self.read(reply, expected)

    def read(self, reply: Reply, expected: Expected) -> Outcome:
        """Return what a reply about one of them means."""
        return read_money_reply(reply, expected, self.dialect, datetime.now(UTC))

    def look(self, place: str, expected: Expected, ends_at: float, *, only: str | None = None) -> Outcome:
        """Ask for one (`/id`) or a list (`?query`); never NOT_SENT. only: the key of those that count, None: all do."""
        reply = self.http.call("GET", self.path + place, ends_at=ends_at)
        if isinstance(reply, Failure):
            # The question did not arrive: that says nothing about what was asked.
            return replace(unanswered(reply), kind=Kind.UNKNOWN)
        if reply.status == 200:
            return self._found(reply, expected, only)
        if reply.status == 404 and place.startswith("/"):
            return Outcome(Kind.NOT_FOUND, "not_found", http_status=404)
        return _unanswered_question(self.read(reply, expected))

    def since(self, created: int | None, ends_at: float) -> list[Report] | str:
        """Return all made at or after `created`, newest first, or why the list cannot be had whole, as a machine word.

        Only the newest page without `created`.
        """
        found: list[Report] = []
        after = ""
        for _ in range(_MOST_PAGES):
            reply = self.http.call("GET", f"{self.path}?limit={_PAGE}{after}", ends_at=ends_at)
            if isinstance(reply, Failure):
                return reply.reason
            if reply.status != 200:
                return f"status_{reply.status}"
            page = document(reply)
            reports = self._reports_in(page.get("data")) if page and page.get("object") == "list" else None
            if page is None or reports is None or type(page.get("has_more")) is not bool:
                return "schema"
            found += [report for report in reports if created is None or report.created >= created]
            if created is None or not page["has_more"] or not reports or reports[-1].created < created:
                return found
            after = f"&starting_after={quote(reports[-1].reference, safe='')}"
        return "too_many"

    def _found(self, reply: Reply, expected: Expected, only: str | None) -> Outcome:
        reports = self._reports(reply)
        if reports is None:
            reason = "schema" if document(reply) is not None else "not_json"
            return Outcome(Kind.UNKNOWN, reason, http_status=reply.status, opens_breaker=True)
        counted = [report for report in reports if only in {None, report.key}]
        if not counted:
            return Outcome(Kind.NOT_FOUND, "not_found", http_status=reply.status)
        outcomes = [judge(report, expected, reply.status) for report in counted]
        return outcomes[0] if len(outcomes) == 1 else _of_several(outcomes, self.noun)

    def _reports(self, reply: Reply) -> list[Report] | None:
        """Return those of a reply, or None where it is not whole."""
        found = document(reply)
        if found is None:
            return None
        if found.get("object") == self.noun:
            return self._reports_in([found])
        if found.get("object") == "list" and found.get("has_more") is False:
            return self._reports_in(found.get("data"))
        return None

    def _reports_in(self, items: object) -> list[Report] | None:
        """Return those of a list, or None where one of them is not whole."""
        if not isinstance(items, list):
            return None
        reports = [self.dialect.report(item) if isinstance(item, dict) else None for item in items]
        whole = [report for report in reports if report is not None]
        return whole if len(whole) == len(items) else None


def _unanswered_question(outcome: Outcome) -> Outcome:
    """The same words for a look-up, where no error status says anything about what was asked."""
    return Outcome(
        Kind.UNKNOWN,
        outcome.reason,
        message=outcome.message,
        http_status=outcome.http_status,
        retry_after=outcome.retry_after,
        alert=outcome.alert,
        opens_breaker=outcome.opens_breaker,
    )


def _of_several(outcomes: list[Outcome], noun: str) -> Outcome:
    """Several under one key: a doubt about any of them decides, else money moved."""
    if noun == "refund":
        # Newest first they came; what was sent first is what its answer told of.
        outcomes.reverse()
    first = min(outcomes, key=lambda outcome: _ORDER.index(outcome.kind))
    message = f"The gateway made several {noun}s under one key: " + ", ".join(each.reference for each in outcomes)
    reason = first.reason if first.kind is Kind.UNKNOWN else f"duplicate_{noun}s"
    also = tuple(outcome for outcome in outcomes if outcome is not first)
    # A charge taken twice is given back by itself; anything else is for people.
    by_itself = noun == "charge" and first.kind is Kind.SUCCEEDED
    return replace(first, reason=reason, message=message[:500], alert=not by_itself, also=also)
