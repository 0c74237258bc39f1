"""What the reply to a charge or refund means: every row of the table of statuses, in one place for all adapters.

An adapter brings its `Dialect`, which reads documents; this module decides. Closed by default: a status that no rule
names is unknown. The rows are tested one by one in tests/payments/gateways/: test_replies.py, test_replies_declines.py,
test_replies_statuses.py and, for refunds, test_refund_replies.py.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from payments.gateways.base import Kind, Outcome
from payments.gateways.documents import Document, document
from payments.gateways.errors import Failure
from payments.gateways.http import Reply
from payments.gateways.reports import Expected, Report, judge
from payments.gateways.text import sanitised
from payments.gateways.waiting import retry_after

# The code of a decline that the status alone tells, as the reply's body was cut or says nothing: it might be any.
UNREAD: Final = "unread_decline"


class Word(StrEnum):
    """What a problem document says, in our words; OTHER where it says nothing that changes the meaning."""

    DECLINED = "declined"
    KEY_IN_USE = "key_in_use"
    KEY_REUSED = "key_reused"
    MAINTENANCE = "maintenance"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document. report: what it is about, where it carries that whole. never_again: as in Outcome."""

    word: Word
    message: str = ""
    decline_code: str = ""
    report: Report | None = None
    never_again: bool = False


class Dialect(Protocol):
    """How one gateway writes its documents of one kind: charges or refunds."""

    def report(self, document: Document) -> Report | None:
        """Return the charge or refund that `document` is, or None where the schema is not whole."""
        ...

    def problem(self, document: Document) -> Problem:
        """Return what an error document says; OTHER where nothing can be read from it."""
        ...


def unanswered(failure: Failure) -> Outcome:
    """Return the outcome of a call that brought no usable reply; a circuit breaker counts it."""
    return Outcome(failure.kind, failure.reason, message=failure.message, opens_breaker=True)


def read_money_reply(reply: Reply, expected: Expected, dialect: Dialect, now: datetime) -> Outcome:
    """Return what `reply` to a charge or refund means. `now` (aware) is what a Retry-After date is compared with."""
    found = document(reply)
    if 200 <= reply.status < 300:
        return _success(reply, found, expected, dialect)
    problem = dialect.problem(found) if found is not None else Problem(Word.OTHER)
    wait = retry_after(reply.headers.get("Retry-After"), now)
    return _ByStatus(reply, problem, wait, expected).outcome()


def _success(reply: Reply, found: Document | None, expected: Expected, dialect: Dialect) -> Outcome:
    if found is None:
        reason = "not_json" if reply.body else "empty_body"
        return Outcome(Kind.UNKNOWN, reason, http_status=reply.status, opens_breaker=True)
    report = dialect.report(found)
    if report is not None:
        return judge(report, expected, reply.status)
    problem = dialect.problem(found)
    if problem.word is Word.DECLINED:
        return _declined(reply.status, problem, expected)
    return Outcome(Kind.UNKNOWN, "schema", message=problem.message, http_status=reply.status, opens_breaker=True)


def _declined(status: int, problem: Problem, expected: Expected) -> Outcome:
    """An explicit decline; where it carries what it is about, that has to be ours and declined."""
    reference, brand, fingerprint, never_again = "", "", "", problem.never_again
    if problem.report is not None:
        judged = judge(problem.report, expected, status)
        if judged.kind is not Kind.DECLINED:
            contradiction = Outcome(
                Kind.UNKNOWN,
                "contradiction",
                reference=problem.report.reference,
                message="The gateway answered a decline with a charge that is not declined.",
                http_status=status,
                alert=True,
            )
            return judged if judged.kind is Kind.UNKNOWN else contradiction
        reference, brand, fingerprint = judged.reference, judged.card_brand, judged.card_fingerprint
        never_again = never_again or judged.never_again
    return Outcome(
        Kind.DECLINED,
        "declined",
        reference=reference,
        decline_code=problem.decline_code or ("generic_decline" if problem.word is Word.DECLINED else UNREAD),
        message=sanitised(problem.message),
        http_status=status,
        card_brand=brand,
        card_fingerprint=fingerprint,
        never_again=never_again,
    )


@dataclass(frozen=True, slots=True)
class _ByStatus:
    """The rows for replies other than 2xx. wait: seconds of Retry-After, clamped."""

    reply: Reply
    problem: Problem
    wait: int | None
    expected: Expected

    def outcome(self) -> Outcome:
        status, word = self.reply.status, self.problem.word
        if 300 <= status < 400:
            return self._is(Kind.UNKNOWN, "redirect", opens_breaker=True)
        if status >= 500:
            return self._server_error()
        if status == 402 or (status in {400, 422} and word is Word.DECLINED):
            return _declined(status, self.problem, self.expected)
        if status in {401, 403}:
            return self._is(Kind.NOT_SENT, "credentials_refused", alert=True, opens_breaker=True)
        if status == 429:
            return self._is(Kind.NOT_SENT, "rate_limited", retry_after=self.wait)
        if status in {409, 422} and word is Word.KEY_REUSED:
            return self._is(Kind.REJECTED, "key_reused", alert=True)
        if status == 409:
            reason = "key_in_use" if word is Word.KEY_IN_USE else "conflict"
            return self._is(Kind.UNKNOWN, reason, retry_after=self.wait)
        if status in {400, 404, 422}:
            return self._is(Kind.REJECTED, "rejected", alert=True)
        return self._is(Kind.UNKNOWN, "unexpected_status", alert=True)

    def _server_error(self) -> Outcome:
        if self.reply.status == 503 and self.problem.word is Word.MAINTENANCE:
            return self._is(Kind.NOT_SENT, "maintenance", retry_after=self.wait)
        # A saved reply given again says that sending again will never say more: only a look-up can.
        replayed = self.reply.headers.get("Idempotent-Replayed", "").lower() == "true"
        reason = "server_error_replayed" if replayed else "server_error"
        return self._is(Kind.UNKNOWN, reason, retry_after=self.wait, opens_breaker=True)

    def _is(
        self,
        kind: Kind,
        reason: str,
        *,
        retry_after: int | None = None,
        alert: bool = False,
        opens_breaker: bool = False,
    ) -> Outcome:
        return Outcome(
            kind,
            reason,
            message=sanitised(self.problem.message),
            http_status=self.reply.status,
            retry_after=retry_after,
            alert=alert,
            opens_breaker=opens_breaker,
        )
