"""Whatever happens to the refunds and disputes of a payment, the sums are right (D1, D5; invariants 5, 8, 10)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disputes.models import Dispute
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Client, LedgerPosting, Payment
from payments.money import Money, decimal_text, parse_minor
from payments.reliability import refundable
from refunds.models import Refund
from refunds.services.approve import reject
from refunds.services.request import RefundRefusedError
from refunds.states import OPEN
from tests.payments.conftest import BECAUSE, reload
from tests.refunds.conftest import requested
from tests.refunds.rows import disputed, paid
from tests.refunds.telling import by_itself, claimed, told

pytestmark = pytest.mark.django_db

# Amounts that make the ends meet: whole, halves, thirds, single units, and far too much.
_SHARES: Final = st.one_of(st.just(None), st.integers(1, 100), st.sampled_from([0.5, 1 / 3, 1.0, 1.01]))
_MONEY: Final = st.sampled_from([("USD", 10_000), ("USD", 1), ("JPY", 1000), ("KWD", 1_000_001), ("KWD", 3)])
_WHICH: Final = st.integers(0, 7)
_STEP: Final = st.one_of(
    st.tuples(st.just("request"), _SHARES, st.just(0)),
    st.tuples(
        st.sampled_from(["succeed", "succeed", "decline", "lose", "refuse", "hold", "call_off"]), st.just(None), _WHICH
    ),
    st.tuples(st.just("late"), st.just(None), _WHICH),
    st.tuples(st.just("dispute"), _SHARES, st.just(0)),
    st.tuples(st.sampled_from(["win", "lose_dispute", "reopen"]), st.just(None), _WHICH),
)
Step = tuple[str, Any, int]


@dataclass
class Model:
    """What must be true, counted by hand: refunds and disputes as [amount, state], in minor units."""

    captured: int
    refunds: dict[str, list[Any]] = field(default_factory=dict)
    disputes: dict[str, list[Any]] = field(default_factory=dict)

    def of_refunds(self, *states: str) -> int:
        return sum(amount for amount, state in self.refunds.values() if state in states)

    def of_disputes(self, state: str) -> int:
        return sum(amount for amount, found in self.disputes.values() if found == state)

    @property
    def reserved(self) -> int:
        return self.of_refunds("open", "succeeded")

    @property
    def left(self) -> int:
        return max(self.captured - self.reserved - self.of_disputes("lost"), 0)


class Story:
    """Plays steps on a payment, and keeps the model."""

    def __init__(self, payment: Payment) -> None:
        self.payment = payment
        self.model = Model(payment.amount)
        self._number = 0

    def play(self, step: Step) -> None:
        what, share, which = step
        if what in {"request", "dispute"}:
            getattr(self, f"_{what}")(self._amount(share))
        elif what in {"win", "lose_dispute", "reopen"}:
            self._end_dispute(what, which)
        else:
            self._move_refund(what, which)
        self.check()

    def check(self) -> None:
        row, model = reload(self.payment), self.model
        counted = (row.refund_reserved, row.refunded, row.disputed, row.charged_back)
        expected = (
            *(model.reserved, model.of_refunds("succeeded")),
            *(model.of_disputes("open"), model.of_disputes("lost")),
        )
        assert counted == expected
        assert 0 <= row.refunded <= row.refund_reserved <= row.amount == model.captured
        assert refundable.remaining(row) == model.left
        assert refundable.refundable(row, database_now()) == (0 if row.disputed else model.left)
        postings = LedgerPosting.objects.filter(entity_id__startswith="rf_").values_list("credit", "amount")
        booked = sum(amount if credit == "gateway_balance" else -amount for credit, amount in postings)
        assert booked == row.refunded

    def _amount(self, share: Any) -> int | None:
        return max(int(self.payment.amount * share), 1) if isinstance(share, float) else share

    def _request(self, amount: int | None) -> None:
        self._number += 1
        wanted = self.model.left if amount is None else amount
        allowed = not self.model.of_disputes("open") and 0 < wanted <= self.model.left
        try:
            refund = requested(self.payment, amount, f"refund-{self._number}")
        except RefundRefusedError:
            assert not allowed
            return
        assert allowed
        assert refund.amount == wanted
        self.model.refunds[refund.pk] = [wanted, "open"]

    def _dispute(self, amount: int | None) -> None:
        wanted = min(amount or self.model.captured, self.model.captured)
        self.model.disputes[disputed(self.payment, wanted).pk] = [wanted, "open"]

    def _end_dispute(self, what: str, which: int) -> None:
        if not self.model.disputes:
            return
        pk = list(self.model.disputes)[which % len(self.model.disputes)]
        dispute = Dispute.objects.get(pk=pk)
        end = {"win": "won", "lose_dispute": "lost", "reopen": "needs_response"}[what]
        if dispute.status == end:
            return
        now = database_now()
        if what == "reopen":
            dispute.reopen()
        else:
            (dispute.win if what == "win" else dispute.lose)(now=now)
        dispute.save()
        self.model.disputes[pk][1] = "open" if what == "reopen" else end

    def _move_refund(self, what: str, which: int) -> None:
        if not self.model.refunds:
            return
        pk = list(self.model.refunds)[which % len(self.model.refunds)]
        claimed()
        self._read_again()
        refund, known = Refund.objects.get(pk=pk), self.model.refunds[pk]
        if what == "late":
            self._late(refund, known)
        elif not refund.attempts.exists():
            if what == "call_off" and refund.state in {"requested", "awaiting_approval"}:
                reject(pk, BECAUSE, "no")
                known[1] = "over"
        elif what != "call_off":
            self._tell(refund, known, what)

    def _read_again(self) -> None:
        """A claim calls off what may not be sent any more."""
        for pk, known in self.model.refunds.items():
            if Refund.objects.get(pk=pk).state in {"failed", "rejected"}:
                assert known[1] != "succeeded"
                known[1] = "over"

    def _tell(self, refund: Refund, known: list[Any], what: str) -> None:
        kinds = {"succeed": Kind.SUCCEEDED, "decline": Kind.DECLINED, "lose": Kind.UNKNOWN}
        kind = {**kinds, "refuse": Kind.NOT_SENT, "hold": Kind.PENDING}[what]
        state, attempt = refund.state, refund.attempts.latest("number").state
        told(refund, kind, reference=f"re_{refund.pk}" if what != "decline" else "", decline_code="account_closed")
        if what == "succeed" and (state in OPEN or self._has_room(refund, known)):
            known[1] = "succeeded"
        # An attempt that was not sent cannot be declined; one that succeeded and is declined came back.
        elif what == "decline" and ((state in OPEN and attempt != "not_sent") or state == "succeeded"):
            known[1] = "over"

    def _late(self, refund: Refund, known: list[Any]) -> None:
        """The gateway says that it made a refund that is over."""
        if refund.state != "failed" or not refund.attempts.exists():
            return
        possible = self._has_room(refund, known)
        by_itself(refund, Kind.SUCCEEDED, reference=f"re_{refund.pk}")
        if possible:
            known[1] = "succeeded"

    def _has_room(self, refund: Refund, known: list[Any]) -> bool:
        bounced = refund.attempts.latest("number").state == "bounced"
        free = self.model.captured - self.model.reserved
        return refund.state == "failed" and known[1] == "over" and not bounced and refund.amount <= free


@contextmanager
def undone() -> Iterator[None]:
    """Take back all that happens within."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@given(money=_MONEY, steps=st.lists(_STEP, min_size=1, max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sequence_of_refunds_and_disputes_gets_the_sums_wrong(
    shop: Client, money: tuple[str, int], steps: list[Step]
) -> None:
    currency, amount = money
    with undone():
        story = Story(paid(shop, currency=currency, amount=amount))
        for step in steps:
            story.play(step)


def shares(whole: int, weights: list[int]) -> list[int]:
    """Return `whole` minor units shared out by `weights`, as a shop does it: the last one takes what is left."""
    parts = [whole * weight // sum(weights) for weight in weights[:-1]]
    return [*parts, whole - sum(parts)]


@given(
    whole=st.integers(1, 5_000_000),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=7),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pro_rated_parts_written_as_decimals_come_to_exactly_the_whole(
    shop: Client, whole: int, currency: str, weights: list[int]
) -> None:
    with undone():
        payment = paid(shop, currency=currency, amount=whole)
        parts = [part for part in shares(whole, weights) if part]
        for number, part in enumerate(parts):
            # As a client writes it, and as it is read back: nothing is rounded on the way.
            amount = parse_minor(decimal_text(part, currency), currency)
            refund = requested(payment, amount, f"part-{number}")
            claimed()
            told(refund, Kind.SUCCEEDED, reference=f"re_{number}")
        row = reload(payment)
        assert (row.refund_reserved, row.refunded, refundable.remaining(row)) == (whole, whole, 0)
        assert str(refundable.standing(row)) == "full"
        with pytest.raises(RefundRefusedError):
            requested(payment, 1, "one-too-many")


@pytest.mark.parametrize(
    ("currency", "whole", "part", "rest"),
    [
        ("USD", "100.00", "33.33", "33.34"),
        ("JPY", "1000", "333", "334"),
        ("KWD", "10.000", "3.333", "3.334"),
        ("KWD", "0.010", "0.003", "0.004"),
    ],
)
def test_a_third_a_third_and_the_rest_leave_nothing(
    shop: Client, currency: str, whole: str, part: str, rest: str
) -> None:
    payment = paid(shop, currency=currency, amount=parse_minor(whole, currency))
    for number in range(2):
        requested(payment, parse_minor(part, currency), f"third-{number}")
    last = requested(payment, None, "the-rest")
    assert str(last.money) == f"{rest} {currency}"
    assert refundable.remaining(reload(payment)) == 0
    assert sum(refund.amount for refund in Refund.objects.all()) == payment.amount
    assert str(Money(payment.amount, currency)) == f"{whole} {currency}"
