"""All that was read, with what several invariants ask of it."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tests.invariants.read_database import OurRows
from tests.invariants.read_gateways import Ledgers
from tests.invariants.read_histories import Exchange
from tests.invariants.rows import (
    Attempt,
    Charge,
    Entry,
    Order,
    Payment,
    Received,
    Refund,
    RefundAttempt,
    Returned,
    Surplus,
    Task,
)

# Seconds for which a gateway keeps a key, and for which we keep a client's.
KEY_LIFE: Final = 24 * 60 * 60
# Questions to an operator that name money which nobody may book before a person has looked.
QUARANTINE: Final = frozenset({"mismatch", "contradiction", "unknown_too_long"})


@dataclass(frozen=True)
class World:
    """read_at: seconds since 1970 just before the first row was read. grace: seconds until an extra charge is known."""

    rows: OurRows
    ledgers: Ledgers
    exchanges: list[Exchange]
    received: list[Received]
    read_at: float
    grace: float

    @cached_property
    def orders(self) -> dict[str, Order]:
        return {order.id: order for order in self.rows.orders}

    @cached_property
    def payments(self) -> dict[str, Payment]:
        return {payment.id: payment for payment in self.rows.payments}

    @cached_property
    def attempts(self) -> dict[str, Attempt]:
        return {attempt.id: attempt for attempt in self.rows.attempts}

    @cached_property
    def attempts_by_key(self) -> dict[str, Attempt]:
        return {attempt.gateway_key: attempt for attempt in self.rows.attempts}

    @cached_property
    def attempts_of(self) -> dict[str, list[Attempt]]:
        """Attempts of each payment, by their number."""
        found: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in sorted(self.rows.attempts, key=lambda attempt: attempt.number):
            found[attempt.payment_id].append(attempt)
        return found

    @cached_property
    def surpluses(self) -> dict[tuple[str, str], Surplus]:
        """Surplus charges by gateway and the gateway's id."""
        return {(surplus.gateway, surplus.gateway_reference): surplus for surplus in self.rows.surpluses}

    @cached_property
    def open_tasks(self) -> dict[str, list[Task]]:
        """Open operator tasks of each payment."""
        found: dict[str, list[Task]] = defaultdict(list)
        for task in self.rows.tasks:
            if task.closed_at is None and task.payment_id is not None:
                found[task.payment_id].append(task)
        return found

    @cached_property
    def trails(self) -> dict[str, list[Entry]]:
        """Audit entries of each payment, attempt and surplus charge, oldest first."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.rows.entries:
            found[entry.entity_id].append(entry)
        return found

    @cached_property
    def starts(self) -> dict[str, int]:
        """Gateway key → id of the audit entry that tells that this attempt was started."""
        return {entry.started_key: entry.id for entry in self.rows.entries if entry.started_key}

    @cached_property
    def charges(self) -> dict[tuple[str, str], Charge]:
        """The gateways' charges by gateway and the gateway's id."""
        return {(charge.gateway, charge.id): charge for charge in self.ledgers.charges}

    @cached_property
    def captured(self) -> list[Charge]:
        """Charges whose money the gateway has and did not give back."""
        return [charge for charge in self.ledgers.charges if charge.status == "succeeded"]

    @cached_property
    def captured_of_order(self) -> dict[str, list[Charge]]:
        found: dict[str, list[Charge]] = defaultdict(list)
        for payment_id, charges in self.captured_of_payment.items():
            if payment_id in self.payments:
                found[self.payments[payment_id].order_id] += charges
        return found

    @cached_property
    def captured_of_payment(self) -> dict[str, list[Charge]]:
        found: dict[str, list[Charge]] = defaultdict(list)
        for charge in self.captured:
            found[charge.reference].append(charge)
        return found

    @cached_property
    def kept(self) -> dict[tuple[str, str], Attempt]:
        """Attempts that succeeded, by gateway and the gateway's id of their charge."""
        return {
            (attempt.gateway, attempt.gateway_reference): attempt
            for attempt in self.rows.attempts
            if attempt.state == "succeeded"
        }

    @cached_property
    def refunds(self) -> dict[str, Refund]:
        return {refund.id: refund for refund in self.rows.refunds}

    @cached_property
    def refunds_by_reference(self) -> dict[tuple[str, str], Refund]:
        """Refunds by gateway and the gateway's id, of which that is known."""
        return {(one.gateway, one.gateway_reference): one for one in self.rows.refunds if one.gateway_reference}

    @cached_property
    def refund_attempts_of(self) -> dict[str, list[RefundAttempt]]:
        """Attempts of each refund, by their number."""
        found: dict[str, list[RefundAttempt]] = defaultdict(list)
        for attempt in sorted(self.rows.refund_attempts, key=lambda attempt: attempt.number):
            found[attempt.refund_id].append(attempt)
        return found

    @cached_property
    def returned_of_payment(self) -> dict[str, list[Returned]]:
        """The gateways' refunds that did not fail, by our reference of their charge."""
        found: dict[str, list[Returned]] = defaultdict(list)
        for one in self.ledgers.refunds:
            if one.status != "failed":
                found[one.reference].append(one)
        return found

    def refund_of(self, returned: Returned) -> Refund | None:
        """Return our row of a gateway's refund: by its id there, or by its key where we know no other id yet."""
        by_reference = self.refunds_by_reference.get((returned.gateway, returned.id))
        if by_reference is not None:
            return by_reference
        by_key = self.refunds.get(returned.key or "")
        return by_key if by_key is not None and by_key.gateway_reference == "" else None

    def is_asked(self, payment_id: str, kind: str) -> bool:
        """Say whether people are asked such a question about a payment now."""
        return any(task.kind == kind for task in self.open_tasks.get(payment_id, ()))

    def is_quarantined(self, charge: Charge) -> bool:
        """Say whether nobody booked `charge`, and an open task asks people about it."""
        name = (charge.gateway, charge.id)
        if name in self.kept or name in self.surpluses:
            return False
        return any(task.kind in QUARANTINE for task in self.open_tasks.get(charge.reference, ()))

    def client_ids(self, label: str) -> frozenset[int]:
        """Return whom a history's `client` may mean: the one of that slug, or else any."""
        by_slug = {client.slug: client.id for client in self.rows.clients}
        return frozenset({by_slug[label]}) if label in by_slug else frozenset(by_slug.values())
