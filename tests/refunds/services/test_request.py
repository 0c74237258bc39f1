"""Taking a refund on: checked, reserved and written, before anything is sent (requirements D1, D2)."""

import pytest

from payments.models import AuditEntry, Client, Event, LedgerPosting, Payment
from payments.services.settle import Settler
from refunds.models import Refund, RefundAttempt
from refunds.services.request import KeyReusedError, RefundRefusedError, request
from tests.payments.conftest import BECAUSE, reload
from tests.refunds.conftest import again, captured, requested, wanted
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


def money_of(payment: Payment) -> tuple[int, int]:
    """Return what is reserved for refunds and what was refunded."""
    row = reload(payment)
    return row.refund_reserved, row.refunded


def test_a_requested_refund_is_reserved_at_once(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    refund = requested(payment, 3000)
    assert (refund.state, money_of(payment)) == ("requested", (3000, 0))


def test_a_full_refund_gives_all_the_money_back_once(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    refund = requested(payment)
    settler.drain()
    assert (again(refund).state, money_of(payment)) == ("succeeded", (10_000, 10_000))
    (made,) = gateway.refunds(reference=payment.pk)
    assert (made["amount"], made["status"], made["idempotency_key"]) == (10_000, "succeeded", refund.pk)
    assert [attempt.state for attempt in RefundAttempt.objects.all()] == ["succeeded"]
    postings = LedgerPosting.objects.filter(entity_id=refund.pk).values_list("debit", "credit", "amount")
    assert list(postings) == [("refunds", "gateway_balance", 10_000)]
    types = Event.objects.filter(type__startswith="refund.").order_by("sequence").values_list("type", flat=True)
    assert list(types) == ["refund.created", "refund.processing", "refund.succeeded"]
    trail = AuditEntry.objects.filter(entity_id=refund.pk).order_by("id").values_list("action", "before", "after")
    assert list(trail) == [
        ("refund.requested", "", "requested"),
        ("refund.processing", "requested", "processing"),
        ("refund.succeeded", "processing", "succeeded"),
    ]


def test_the_same_key_is_the_same_refund(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    first, second = (request(wanted(payment, 3000), BECAUSE) for _ in range(2))
    assert (first.refund.pk, second.replayed) == (second.refund.pk, True)
    assert (Refund.objects.count(), money_of(payment)) == (1, (3000, 0))


def test_two_deliberate_refunds_of_the_same_amount_are_two(
    shop: Client, gateway: SandboxProcess, settler: Settler
) -> None:
    payment = captured(shop, settler)
    requested(payment, 3000, "refund-1")
    requested(payment, 3000, "refund-2")
    settler.drain()
    assert money_of(payment) == (6000, 6000)
    assert [made["amount"] for made in gateway.refunds(reference=payment.pk)] == [3000, 3000]


def test_a_key_of_another_refund_is_refused(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    requested(payment, 3000)
    with pytest.raises(KeyReusedError):
        requested(payment, 3001)
    assert money_of(payment) == (3000, 0)


def test_more_than_what_is_left_is_refused(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    requested(payment, 3000)
    with pytest.raises(RefundRefusedError) as refused:
        requested(payment, 7001, "refund-2")
    assert (refused.value.code, money_of(payment)) == ("amount_exceeds_refundable", (3000, 0))
