"""One refund on its way through the product: requested, claimed, sent over real HTTP, and what follows."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from payments.models import Client, GatewayWatch, LedgerPosting, OperatorTask, Payment
from payments.services.settle import Settler
from refunds.models import Refund, RefundAttempt, RefundWatch
from refunds.representation import refund as shown
from tests.payments.conftest import reload
from tests.refunds.conftest import again, captured, requested
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance


@dataclass
class Journey:
    """A payment of 100.00 USD that was really captured; `id` is its newest refund."""

    gateway: SandboxProcess
    settler: Settler
    payment: Payment
    id: str = ""

    def refund(self, amount: int | None = 3000, key: str = "refund-1") -> Refund:
        """Request a refund and settle until nothing is due."""
        refund = requested(self.payment, amount, key)
        self.id = refund.pk
        self.settler.drain()
        return again(refund)

    def later(self, seconds: float) -> Refund:
        """Let time pass, and settle what is due then."""
        advance(seconds)
        self.settler.drain()
        return self.row

    def later_by_steps(self, seconds: float, steps: int) -> Refund:
        for _ in range(steps):
            self.later(seconds)
        return self.row

    @property
    def row(self) -> Refund:
        return Refund.objects.get(pk=self.id)

    @property
    def shown(self) -> dict[str, Any]:
        """Return the refund as the API shows it."""
        return shown(self.row)

    def attempts(self) -> list[tuple[str, str]]:
        """Return state and reason of each attempt, oldest first."""
        rows = RefundAttempt.objects.filter(refund_id=self.id).order_by("number")
        return list(rows.values_list("state", "reason"))

    def money(self) -> tuple[int, int]:
        """Return what is reserved for refunds, and what was refunded, in minor units."""
        row = reload(self.payment)
        return row.refund_reserved, row.refunded

    def at_gateway(self) -> list[tuple[int, str, str]]:
        """Return amount, status and key of the payment's refunds in the gateway's ledger, oldest first."""
        found = self.gateway.refunds(reference=self.payment.pk)
        return [(each["amount"], each["status"], each["idempotency_key"]) for each in reversed(found)]

    def sent(self) -> list[str]:
        """Return the keys of the refund requests that arrived at the gateway, oldest first."""
        return [each["idempotency_key"] for each in self.gateway.refund_requests(reference=self.payment.pk)]

    def tasks(self) -> list[str]:
        """Return what operators are asked about the payment now."""
        rows = OperatorTask.objects.filter(payment=self.payment, closed_at__isnull=True)
        return sorted(rows.values_list("kind", flat=True))

    def booked(self) -> int:
        """Return the minor units that the books say were given back, less what came back."""
        rows = LedgerPosting.objects.filter(entity_id__startswith="rf_").values_list("debit", "credit", "amount")
        return sum(
            amount * ((credit == "gateway_balance") - (debit == "gateway_balance")) for debit, credit, amount in rows
        )

    def gave_back_once(self) -> bool:
        """Say whether the newest refund succeeded, and went out once by the gateway's ledger, ours and the books."""
        row, once = self.row, [(self.row.amount, "succeeded", self.id)]
        sums = (row.amount, row.amount)
        told = (row.state, self.shown["outcomeUnknown"], row.due_at, row.claimed_until)
        return (
            told == ("succeeded", False, None, None)
            and self.at_gateway() == once
            and self.money() == sums
            and self.booked() == row.amount
        )


def journey_of(shop: Client, gateway: SandboxProcess, settler: Settler) -> Journey:
    """Return a journey; the gateways' lists, which would tell what was lost, are not read."""
    month = Now() + timedelta(days=30)
    GatewayWatch.objects.update(due_at=month)
    RefundWatch.objects.update(due_at=month)
    return Journey(gateway, settler, captured(shop, settler))
