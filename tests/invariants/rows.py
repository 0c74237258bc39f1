"""The rows that are read, as they are: amounts in minor units, times in seconds since 1970 (UTC).

The names are the columns' own. A field named `at` or ending in `_at` is a time; `started_key` is the `key` in an audit
entry's data, which names the attempt that the entry says was started; `started_number` its `attempt`, which numbers
the attempt to refund, and `approved_hash` its `parameters`, of what was approved.
"""

from typing import NamedTuple


class Client(NamedTuple):
    id: int
    slug: str


class Order(NamedTuple):
    id: str
    client_id: int
    amount: int
    currency: str


class Payment(NamedTuple):
    id: str
    client_id: int
    order_id: str
    idempotency_key: str
    request_hash: str
    amount: int
    currency: str
    status: str
    events_written: int
    refund_reserved: int
    refunded: int
    disputed: int
    charged_back: int
    created_at: float


class Attempt(NamedTuple):
    id: str
    payment_id: str
    number: int
    gateway: str
    gateway_key: str
    amount: int
    currency: str
    state: str
    gateway_reference: str
    sent_at: float


class Record(NamedTuple):
    """An idempotency record."""

    id: int
    client_id: int
    operation: str
    key: str
    request_hash: str
    payment_id: str


class Entry(NamedTuple):
    """An entry of the audit trail."""

    id: int
    payment_id: str
    entity_id: str
    action: str
    actor: str
    cause: str
    before: str
    after: str
    started_key: str | None
    started_number: str | None
    approved_hash: str | None
    at: float


class Posting(NamedTuple):
    id: int
    entity_id: str
    gateway: str
    currency: str
    debit: str
    credit: str
    amount: int


class Task(NamedTuple):
    """An operator task; one that is about no payment names its subject."""

    id: int
    payment_id: str | None
    subject: str
    kind: str
    detail: str
    closed_at: float | None


class Surplus(NamedTuple):
    """A charge that no payment may keep."""

    id: str
    payment_id: str
    attempt_id: str | None
    gateway: str
    gateway_reference: str
    amount: int
    currency: str
    state: str
    taken: bool


class Refund(NamedTuple):
    """Money of one charge that goes back. origin: `gateway` for one that was not made by us."""

    id: str
    client_id: int
    payment_id: str
    charge_id: str
    gateway: str
    amount: int
    currency: str
    origin: str
    idempotency_key: str
    state: str
    gateway_reference: str
    requested_by: str
    parameters_hash: str
    needs_approval: bool
    approved_by: str
    due_at: float | None


class RefundAttempt(NamedTuple):
    id: str
    refund_id: str
    number: int
    state: str
    sent_at: float


class Dispute(NamedTuple):
    id: str
    payment_id: str
    gateway: str
    gateway_reference: str
    amount: int
    currency: str
    status: str
    due_at: float | None


class BulkRefund(NamedTuple):
    id: str
    state: str
    requested_by: str
    needs_approval: bool
    approved_by: str


class Event(NamedTuple):
    """What a shop was told. position: None until it is published."""

    id: str
    client_id: int
    payment_id: str
    sequence: int
    type: str
    body: str
    position: int | None


class Endpoint(NamedTuple):
    id: str
    secret: str
    is_enabled: bool


class Delivery(NamedTuple):
    """One event on its way to one endpoint."""

    id: int
    event_id: str
    endpoint_id: str
    state: str


class GatewayEvent(NamedTuple):
    """What a gateway told us."""

    id: int
    gateway: str
    event_id: str
    state: str


class Message(NamedTuple):
    """What a customer is told."""

    id: int
    payment_id: str
    kind: str
    channel: str
    occurrence: str
    due_at: float | None
    sent_at: float | None


class Received(NamedTuple):
    """What arrived at a shop's endpoint."""

    id: str
    timestamp: str
    signature: str
    body: str


class Charge(NamedTuple):
    """A charge in a gateway's own ledger."""

    gateway: str
    id: str
    key: str
    reference: str
    amount: int
    currency: str
    status: str
    created_at: float


class Returned(NamedTuple):
    """A refund in a gateway's own ledger. key: None where it was made at the gateway's dashboard."""

    gateway: str
    id: str
    key: str | None
    charge_id: str
    reference: str
    amount: int
    currency: str
    status: str


class Disputed(NamedTuple):
    """A dispute in a gateway's own ledger."""

    gateway: str
    id: str
    reference: str
    amount: int
    currency: str
    status: str


class Request(NamedTuple):
    """A request to charge or to refund, as the gateway logged its arrival."""

    gateway: str
    key: str
    reference: str
    digest: str
    at: float
