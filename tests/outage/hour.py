"""Virtual time with payments that arrive all along, and what was sent to a gateway when."""

import bisect
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from payments.clock import database_now
from payments.models import Attempt, CheckoutSession, Client, CustomerStanding, Order, Payment
from payments.services.accept import accept
from payments.services.settle import Settler
from tests.outage.rates import most_within
from tests.payments.conftest import BECAUSE, pay_request
from tests.support.virtual_time import advance


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt. at: virtual seconds since the beginning."""

    at: float
    gateway: str
    payment_id: str


@dataclass
class Traffic:
    """Payments of one shop in virtual time. sent: all attempts so far, in their order."""

    shop: Client
    settler: Settler
    sent: list[Sent] = field(default_factory=list)
    _advanced: float = 0.0
    _orders: int = 0
    _began: float = field(default_factory=time.monotonic)
    _seen: set[str] = field(default_factory=set)
    _skips: list[tuple[float, float]] = field(default_factory=list)

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning: real time and the time that was skipped."""
        return self._advanced + time.monotonic() - self._began

    def step(self, seconds: float, new: int = 0) -> list[str]:
        """Let `seconds` pass, then `new` payments arrive, and settle what is due; return the ids of the new ones."""
        advance(seconds)
        self._advanced += seconds
        self._skips.append((time.time(), self._advanced))
        ids = [self.pay() for _ in range(new)]
        self.settle()
        return ids

    def settle(self) -> None:
        # Before anything leaves, so that what follows half a minute later is never stamped too near.
        at = self.now
        self.settler.drain()
        for attempt in Attempt.objects.exclude(pk__in=self._seen).order_by("pk"):
            self._seen.add(attempt.pk)
            self.sent.append(Sent(at, attempt.gateway, attempt.payment_id))

    def pay(self, *, customer: str = "", email: str = "") -> str:
        """Accept one payment for a new order; with an e-mail address, its customer came through a checkout page."""
        self._orders += 1
        name = f"traffic-{self._orders}"
        request = pay_request(self.shop, f"key-{name}", order=name)
        payment = accept(request, BECAUSE).payment
        if customer or email:
            Order.objects.filter(pk=payment.order_id).update(customer_reference=customer, customer_email=email)
        if email:
            CheckoutSession.objects.create(
                client=self.shop,
                order_id=payment.order_id,
                return_url="https://shop.test/thanks",
                expires_at=database_now(),
            )
        return payment.pk

    def trust(self, customer: str) -> None:
        CustomerStanding.objects.create(
            client=self.shop, customer_reference=customer, trusted=True, reason="Pays always", set_by="anna"
        )

    def arrivals(self, requests: Iterable[dict[str, Any]]) -> list[float]:
        """Return when the `requests` of a gateway's log came, in seconds of virtual time from some moment on."""
        found = []
        for request in requests:
            at = request["at_ms"] / 1000
            # The gateway's clock has whole milliseconds: a step that ended in the same one was before.
            index = bisect.bisect_right(self._skips, at + 0.001, key=lambda skip: skip[0])
            found.append(at + (self._skips[index - 1][1] if index else 0.0))
        return found

    def most_sent(self, gateway: str, *, within: float, since: float) -> int:
        """Return the most attempts at `gateway` in any `within` virtual seconds after `since`."""
        times = [each.at for each in self.sent if each.gateway == gateway and each.at >= since]
        return most_within(times, within)


def payments(ids: Iterable[str]) -> list[Payment]:
    """Return the payments as they are now, in the order of `ids`."""
    found = Payment.objects.in_bulk(list(ids))
    return [found[each] for each in ids]
