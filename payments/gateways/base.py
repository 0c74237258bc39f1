"""What every gateway adapter offers, and the few words in which it answers.

Adapters translate, the core decides. An adapter never touches the database and never raises for something a gateway
or a network can do: whatever happens becomes one `Outcome`, and where nothing is provable that is `unknown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from payments.gateways.after_capture import (
        DisputeReport,
        DisputeRequest,
        RefundListing,
        RefundLookUpRequest,
        RefundRequest,
    )


class Kind(StrEnum):
    """What a money call may mean. The default, wherever a rule does not say otherwise, is UNKNOWN."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    ACTION_REQUIRED = "action_required"
    NOT_SENT = "not_sent"
    """Provably never executed: it did not reach the gateway, or the gateway documents that it did not act."""
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    """The gateway refused the request as malformed: our mistake, no money moved, no retry."""
    NOT_FOUND = "not_found"
    """Only from a look-up: the gateway knows nothing under that key *now*. Proves nothing by itself."""
    VOIDED = "voided"
    """The charge is undone: the gateway holds no money of it and will take none."""
    PENDING = "pending"
    """Only of refunds: the gateway has taken it on, and whether the customer gets the money shows later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was heard about one operation.

    reason: a short machine word for why (`read_timeout`, `refused`, `amount_mismatch`, `rate_limited` …).
    decline_code: the gateway's code where kind is DECLINED.
    message: sanitised text for operators, at most 500 characters; never shown to customers.
    reference: the gateway's own id of the charge where it is known.
    action_url: where the customer must go where kind is ACTION_REQUIRED.
    http_status: of the reply, if there was one.
    retry_after: seconds the gateway asked us to wait, clamped to 1 s … 15 min.
    alert: an operator must look at this (wrong amount, refused credentials, key reused …).
    opens_breaker: a failure of the gateway that a circuit breaker counts (never a decline, never our own 4xx).
    also: other charges that the gateway made under the same key.
    card_brand, card_fingerprint: of the card, where the reply is about our charge and says them. The fingerprint is
    the same for one card at all gateways of one vault; at most 64 letters, digits, hyphens and underscores.
    never_again: with a decline, the card network forbids another try with this card (Mastercard advice codes 03 and
    21, Visa category 1).
    """

    kind: Kind
    reason: str
    reference: str = ""
    decline_code: str = ""
    message: str = ""
    action_url: str = ""
    http_status: int | None = None
    retry_after: int | None = None
    alert: bool = False
    opens_breaker: bool = False
    also: tuple["Outcome", ...] = ()
    card_brand: str = ""
    card_fingerprint: str = ""
    never_again: bool = False


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """One charge. `key` is the gateway idempotency key, constant over all sends of one attempt.

    amount: minor units. payment_id: our reference, which the gateway must echo. ends_at: monotonic time, in seconds, at
    which the whole call is over and before which its first byte must leave: no pause of the process can extend it.
    """

    key: str
    payment_id: str
    amount: int
    currency: str
    token: str
    ends_at: float
    return_url: str = ""
    request_three_d_secure: bool = False
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LookUpRequest:
    """Ask what became of the charge sent under `key`; the expected amount and currency let a reply be checked.

    ends_at: monotonic time, in seconds, at which the whole call is over.
    """

    key: str
    payment_id: str
    amount: int
    currency: str
    ends_at: float
    reference: str = ""


@dataclass(frozen=True, slots=True)
class VoidRequest:
    """Undo the charge `reference` wholly; amount and currency let the reply be checked. ends_at: as for a look-up."""

    reference: str
    payment_id: str
    amount: int
    currency: str
    ends_at: float


@dataclass(frozen=True, slots=True)
class Listed:
    """One charge of a gateway's own list. amount: minor units; created: the gateway's time, seconds since 1970.

    taken: whether the customer's money was taken and not given back. waits: whether the customer can still confirm it.
    """

    reference: str
    key: str
    payment_id: str
    amount: int
    currency: str
    taken: bool
    waits: bool
    live: bool
    created: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The newest charges of a gateway. trouble: why the list could not be read to its end, as a machine word."""

    charges: tuple[Listed, ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway documents about itself; the core asks these, never the gateway's name.

    key_life: seconds for which a key is remembered. late_arrival: seconds within which a call may still execute late.
    replays_errors: a 5xx is saved and replayed for its key, so that only a look-up can tell more.
    vault: whose card tokens it takes; two gateways with the same vault can charge each other's tokens. Empty: its own.
    event_version: the newest API version whose events we read, a number or a date. Empty: there are none.
    refunds: whether charges can be refunded, wholly and in parts, under a key. refund_days: for how many days after
    the capture, counted as payments/reliability/refundable.py says. disputes: whether disputes can be asked about.
    """

    key_life: int
    late_arrival: int
    replays_errors: bool
    looks_up_by_key: bool
    looks_up_by_reference: bool
    voids: bool
    lists: bool
    currencies: frozenset[str]
    vault: str = ""
    event_version: str = ""
    refunds: bool = False
    refund_days: int = 180
    disputes: bool = False


@dataclass(frozen=True, slots=True)
class EventNotice:
    """What a gateway's signed event says it is about: claims, believed only after asking the gateway (E1).

    event_id: the same for every delivery of the event; at most 255 printable ASCII characters. type: at most 100
    characters, empty where the body could not be read. reference: the gateway's own id of the charge, at most 100;
    key: ours, at most 64; payment_id: at most 34. about, about_key: of a refund or dispute of that charge, the
    gateway's own id (at most 100) and the key (at most 64). Each of these is empty where the event does not name it or
    names what no such id can be. created: the gateway's time, seconds since 1970. api_version: at most 32 characters.
    """

    event_id: str
    type: str = ""
    reference: str = ""
    key: str = ""
    payment_id: str = ""
    created: int | None = None
    api_version: str = ""
    about: str = ""
    about_key: str = ""


class EventRefusedError(Exception):
    """An event that nobody we know has signed, or at another time: nothing of it may be believed.

    code: `not_configured` (we have no secret to check it with), `missing_header`, `header_too_long`, `bad_event_id`,
    `bad_timestamp`, `too_old`, `too_new`, `bad_body` (no UTF-8) or `bad_signature`; at most 32 characters.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Gateway(Protocol):
    """An adapter. Instances are shared by threads and keep their connections alive."""

    name: str
    capabilities: Capabilities

    def charge(self, request: ChargeRequest) -> Outcome:
        """Send one charge; never raises for what a gateway or network does."""
        ...

    def look_up(self, request: LookUpRequest) -> Outcome:
        """Ask about an earlier charge. Never answers NOT_SENT: a question that got no answer taught us nothing."""
        ...

    def void(self, request: VoidRequest) -> Outcome:
        """Undo a charge: cancel it where it waits, give the money back where it was taken.

        Can be repeated without harm. VOIDED only on the gateway's word; SUCCEEDED or DECLINED where that is what the
        charge is and stays; NOT_FOUND where there is none; else UNKNOWN or REJECTED.
        """
        ...

    def refund(self, request: "RefundRequest") -> Outcome:
        """Send one refund; never raises. SUCCEEDED, PENDING, DECLINED (with the gateway's code why it refuses),
        NOT_SENT, REJECTED or UNKNOWN; `reference` is the gateway's id of the refund."""
        ...

    def look_up_refund(self, request: "RefundLookUpRequest") -> Outcome:
        """Ask about an earlier refund. DECLINED also where it had succeeded and came back (it bounced). Never answers
        NOT_SENT; NOT_FOUND proves nothing by itself."""
        ...

    def refunds_since(self, created: int | None, ends_at: float) -> "RefundListing":
        """Return all refunds made at or after `created`, whoever made them, newest first; as `charges_since`."""
        ...

    def look_up_dispute(self, request: "DisputeRequest") -> "DisputeReport":
        """Ask how a dispute stands; never raises."""
        ...

    def charges_since(self, created: int | None, ends_at: float) -> Listing:
        """Return all charges that the gateway made at or after `created` (its time, seconds), newest first.

        Only the newest page without `created`. Nothing is left out: where the whole list cannot be had, `trouble` is
        set and there are no charges.
        """
        ...

    def healthy(self, deadline: float) -> bool:
        """Say whether the gateway answers its health call within `deadline` seconds."""
        ...

    def read_event(self, headers: Mapping[str, str], body: bytes) -> EventNotice:
        """Check the signature and the time of a webhook over its raw body, and say what it is about.

        headers: names in any case. Raises EventRefusedError, and nothing else, for what did not come from the gateway
        within five minutes of its signature; a signed body of an unknown form is a notice without a type.
        """
        ...
