"""Refunds at the same instant (requirements D1, D2, G4; invariants 5, 6, 7)."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest
from django.db.models.functions import Now

from payments.audit import Because
from payments.models import AuditEntry, Client, Payment
from payments.services.settle import Settler
from refunds.models import Refund, RefundAttempt
from refunds.services.approve import NotApprovableError, approve, reject
from refunds.services.claim import claim
from refunds.services.request import RefundRefusedError, request
from tests.payments.conftest import BECAUSE, reload
from tests.payments.services.conftest import gateway, settler, shared_gateway
from tests.races.test_accept import at_once
from tests.refunds.conftest import captured, requested, wanted
from tests.sandbox import SandboxProcess

__all__ = ["gateway", "settler", "shared_gateway"]
pytestmark = pytest.mark.django_db(transaction=True)

REFUSED: Final = {"amount_exceeds_refundable", "fully_refunded"}


def said(act: Callable[[], Refund]) -> str:
    """Return the id of the refund, or the code why there is none."""
    try:
        return act().pk
    except RefundRefusedError as refused:
        return refused.code
    except NotApprovableError:
        return "not_approvable"


def money_of(payment: Payment) -> tuple[int, int]:
    row = reload(payment)
    return row.refund_reserved, row.refunded


def test_fifty_refunds_of_thirty_on_a_hundred_are_exactly_three(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    payment = captured(shop, settler)
    ends = at_once(50, lambda number: said(lambda: requested(payment, 3000, f"refund-{number}")))
    made = [end for end in ends if end.startswith("rf_")]
    assert (len(made), len(set(made)), len(ends) - len(made)) == (3, 3, 47)
    assert {end for end in ends if not end.startswith("rf_")} <= REFUSED
    assert (Refund.objects.count(), money_of(payment)) == (3, (9000, 0))
    settler.drain()
    assert money_of(payment) == (9000, 9000)
    at_gateway = gateway.refunds(reference=payment.pk)
    assert sorted(each["idempotency_key"] for each in at_gateway) == sorted(made)
    assert [(each["amount"], each["status"]) for each in at_gateway] == [(3000, "succeeded")] * 3
    assert len(gateway.refund_requests(reference=payment.pk)) == 3


def test_fifty_times_the_rest_is_one_refund_of_all(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    ends = Counter(at_once(50, lambda number: said(lambda: requested(payment, None, f"refund-{number}"))))
    assert ends["fully_refunded"] == 49
    assert money_of(payment) == (10_000, 0)


def test_fifty_requests_under_one_key_are_one_refund(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    answers = at_once(50, lambda _: request(wanted(payment, 3000), BECAUSE))
    assert len({answer.refund.pk for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    settler.drain()
    assert (Refund.objects.count(), money_of(payment)) == (1, (3000, 3000))
    assert [each["amount"] for each in gateway.refunds(reference=payment.pk)] == [3000]


def test_two_payments_refunded_at_once_do_not_wait_for_each_other_for_ever(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    payments = [captured(shop, settler, f"key-{number}", order=f"order-{number}") for number in range(2)]
    ends = at_once(40, lambda number: said(lambda: requested(payments[number % 2], 1000, f"refund-{number}")))
    assert sum(end.startswith("rf_") for end in ends) == 20
    assert [money_of(payment) for payment in payments] == [(10_000, 0)] * 2
    settler.drain()
    assert [money_of(payment) for payment in payments] == [(10_000, 10_000)] * 2


def test_ten_workers_never_claim_the_same_refund(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    refunds = [requested(payment, 100, f"refund-{number}").pk for number in range(40)]
    asks = [ask for group in at_once(10, lambda _: claim(BECAUSE, 8)) for ask in group]
    while Refund.objects.filter(due_at__lte=Now()).exists():
        asks += claim(BECAUSE, 40)
    taken = [ask.args[0].refund.pk for ask in asks]  # type: ignore[attr-defined]
    assert sorted(taken) == sorted(refunds)
    assert RefundAttempt.objects.count() == 40


def test_eight_loops_at_once_send_every_refund_once(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    refunds = [requested(payment, 250, f"refund-{number}").pk for number in range(40)]

    def settle(_: int) -> None:
        loop = Settler(BECAUSE, threads=8)
        loop.drain()
        loop.finish()

    at_once(8, settle)
    assert money_of(payment) == (10_000, 10_000)
    assert sorted(each["idempotency_key"] for each in gateway.refunds(reference=payment.pk)) == sorted(refunds)
    assert len(gateway.refund_requests(reference=payment.pk)) == 40


@pytest.mark.parametrize("round_", range(3))
def test_of_approvals_and_rejections_at_once_one_counts(
    shop: Client, gateway: SandboxProcess, settler: Settler, round_: int
) -> None:
    payment = captured(shop, settler)
    refund = request(wanted(payment, 3000, limits={}), Because("operator:ann", "request:1")).refund

    def decide(number: int) -> str:
        who = Because(f"operator:{number}", f"request:{number}")
        if number % 2:
            return said(lambda: reject(refund.pk, who, "no"))
        return said(lambda: approve(refund.pk, who, seen=refund.parameters_hash))

    ends = Counter(at_once(10, decide))
    assert ends == {refund.pk: 1, "not_approvable": 9}
    settler.drain()
    row = Refund.objects.get()
    decided = AuditEntry.objects.filter(entity_id=refund.pk, action__in=("refund.approved", "refund.rejected"))
    assert decided.count() == 1
    approved = row.approved_by != ""
    assert row.state == ("succeeded" if approved else "rejected")
    assert money_of(payment) == ((3000, 3000) if approved else (0, 0))
    assert len(gateway.refund_requests(reference=payment.pk)) == (1 if approved else 0)


def test_two_approvers_at_once_are_one_approval(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    refund = request(wanted(payment, 3000, limits={}), Because("operator:ann", "request:1")).refund
    ends = at_once(
        2,
        lambda number: said(
            lambda: approve(refund.pk, Because(f"operator:{number}", "request:2"), seen=refund.parameters_hash)
        ),
    )
    assert sorted(ends) == sorted([refund.pk, "not_approvable"])
    settler.drain()
    assert len(gateway.refund_requests(reference=payment.pk)) == 1


@pytest.mark.parametrize("round_", range(3))
def test_a_rejection_and_a_worker_at_once_never_both_have_their_way(
    shop: Client, gateway: SandboxProcess, settler: Settler, round_: int
) -> None:
    payment = captured(shop, settler)
    refund = requested(payment, 3000)

    def act(number: int) -> str:
        if number == 0:
            return said(lambda: reject(refund.pk, BECAUSE, "no"))
        return "claimed" if claim(BECAUSE, 5) else "nothing"

    ends = at_once(4, act)
    row = Refund.objects.get()
    attempts = RefundAttempt.objects.count()
    if row.state == "rejected":
        assert (attempts, "claimed" in ends, money_of(payment)) == (0, False, (0, 0))
    else:
        assert (attempts, ends.count("claimed"), money_of(payment)) == (1, 1, (3000, 0))
        assert ends[0] == "not_approvable"
