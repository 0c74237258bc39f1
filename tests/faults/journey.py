"""One payment on its way through the product: accepted, claimed, sent over real HTTP, and what follows."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db.models.functions import Now

from payments.clock import database_now
from payments.models import Attempt, Circuit, Client, GatewayWatch, OperatorTask, Payment
from payments.services.settle import Settler
from tests.outage.pair import NAMES, GatewayPair
from tests.payments.conftest import accepted
from tests.support.virtual_time import advance

SUCCESS: Final = "tok_success"


@dataclass
class Journey:
    """A shop whose payments go to a pair of gateways; `payment` is the newest."""

    gateways: GatewayPair
    shop: Client
    settler: Settler
    payment: str = ""
    _orders: list[str] = field(default_factory=list)

    @property
    def primary(self) -> Any:
        return self.gateways.primary

    def begin(self, card: str = SUCCESS) -> str:
        """Have a new payment with the token `card` accepted; breakers know of nothing, and nothing is sent yet.

        The gateways' lists, which would tell most of what was lost at once, are not read: look-ups have to do.
        """
        Circuit.objects.all().delete()
        GatewayWatch.objects.update(due_at=Now() + timedelta(days=30))
        name = f"order-{len(self._orders) + 1}"
        self._orders.append(name)
        self.payment = accepted(self.shop, f"key-{name}", order=name, token=card).pk
        return self.payment

    def pay(self, card: str = SUCCESS) -> str:
        """Have a new payment accepted, and settle until nothing is due."""
        payment = self.begin(card)
        self.settler.drain()
        return payment

    def later(self, seconds: float) -> None:
        """Let time pass, and settle what is due then."""
        advance(seconds)
        self.settler.drain()

    def read_lists(self) -> None:
        """Have the gateways' lists of charges due."""
        GatewayWatch.objects.update(due_at=Now())

    @property
    def row(self) -> Payment:
        return Payment.objects.get(pk=self.payment)

    def is_unknown(self) -> bool:
        """Say whether nothing is claimed to be known, after one try at the first gateway, and no other was made."""
        tries = [(gateway, state) for gateway, state, _ in self.attempts()]
        return self.row.outcome_unknown and self.row.status == "processing" and tries == [("primary", "unknown")]

    def is_paid(self, gateway: str, level: int = 1) -> bool:
        """Say whether the payment is paid on `level`, with one charge over both ledgers, which is at `gateway`."""
        row = self.row
        known = (row.status, row.level, row.outcome_unknown) == ("success", level, False)
        return known and self.captured() == [gateway]

    def attempts(self) -> list[tuple[str, str, str]]:
        """Return gateway, state and reason of each attempt, oldest first."""
        tries = Attempt.objects.filter(payment_id=self.payment).order_by("number")
        return list(tries.values_list("gateway", "state", "reason"))

    def captured(self) -> list[str]:
        """Return the gateways of all money that was taken for the payment and kept."""
        return [name for name, _ in self.gateways.captures()[self.payment]]

    def counted(self, gateway: str = "primary") -> int:
        """Return how many failures of charges the gateway's breaker has counted in a row."""
        circuit = Circuit.objects.filter(gateway=gateway, operation="charge").first()
        return 0 if circuit is None else circuit.failures

    def state(self, gateway: str = "primary") -> str:
        """Return the state of the breaker of the gateway's charges."""
        circuit = Circuit.objects.filter(gateway=gateway, operation="charge").first()
        return "closed" if circuit is None else str(circuit.state)

    def sent_to(self, gateway: str) -> int:
        """Return how many charge requests for the payment arrived at the gateway."""
        sandbox = dict(zip(NAMES, (self.gateways.primary, self.gateways.secondary), strict=True))[gateway]
        return len(sandbox.requests(reference=self.payment))

    def tasks(self) -> list[str]:
        """Return what operators were asked about the payment."""
        return list(OperatorTask.objects.filter(payment_id=self.payment).order_by("pk").values_list("kind", flat=True))

    def waits(self) -> float:
        """Return in how many seconds the payment is due."""
        due_at = self.row.due_at
        assert due_at is not None
        return (due_at - database_now()).total_seconds()
