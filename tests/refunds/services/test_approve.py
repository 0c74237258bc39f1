"""A second person approves a refund or calls it off (requirement G4; invariant 7)."""

import pytest
from django.db.models.functions import Now

from payments.audit import Because
from payments.models import AuditEntry, Client, Event, Payment
from payments.services.settle import Settler
from refunds.guards import REFUND_GUARDS
from refunds.models import Refund, RefundAttempt
from refunds.services.approve import NotApprovableError, approve, reject
from refunds.services.request import RefundRefusedError, request
from tests.payments.conftest import BECAUSE
from tests.refunds.conftest import again, captured, requested, wanted
from tests.refunds.rows import counters, disputed, force, paid, written
from tests.refunds.telling import claimed, sent
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

ANN, BOB = (Because(f"operator:{name}", f"request:{name}") for name in ("ann", "bob"))


def waiting(shop: Client, amount: int = 3000) -> Refund:
    """Return a refund that ann asked for and that is above her limit."""
    return request(wanted(paid(shop), amount, limits={"USD": amount - 1}), ANN).refund


def same(refund: Refund) -> None:
    """Check that nothing happened."""
    row = again(refund)
    assert (row.state, row.approved_by, row.due_at) == ("awaiting_approval", "", refund.due_at)
    assert counters(refund.payment) == (refund.amount, 0)


def test_a_refund_above_the_limit_is_sent_only_after_its_approval(shop: Client) -> None:
    refund = waiting(shop)
    assert (refund.state, refund.needs_approval, claimed()) == ("awaiting_approval", True, [])
    approved = approve(refund.pk, BOB, seen=refund.parameters_hash, words="fine")
    row = again(refund)
    assert (approved.state, row.state, row.approved_by, row.decision) == (
        *("processing", "processing", "operator:bob", "fine"),
    )
    assert [work.refund.pk for work in claimed()] == [refund.pk]
    entries = AuditEntry.objects.filter(entity_id=refund.pk).order_by("id").values_list("action", "actor", "reason")
    assert list(entries)[:2] == [
        ("refund.requested", "operator:ann", "customer_request"),
        ("refund.approved", "operator:bob", "fine"),
    ]


def test_the_limit_itself_is_refunded_alone(shop: Client) -> None:
    refund = request(wanted(paid(shop), 3000, limits={"USD": 3000}), ANN).refund
    assert (refund.state, refund.needs_approval) == ("requested", False)


def test_who_asked_may_not_approve(shop: Client) -> None:
    refund = waiting(shop)
    with pytest.raises(NotApprovableError):
        approve(refund.pk, ANN, seen=refund.parameters_hash)
    same(refund)


def test_an_approval_of_something_else_is_refused(shop: Client) -> None:
    refund = waiting(shop)
    for seen in ("", "0" * 64, refund.parameters_hash[:-1]):
        with pytest.raises(NotApprovableError):
            approve(refund.pk, BOB, seen=seen)
    same(refund)


@pytest.mark.parametrize("change", [{"reason": "fraudulent"}, {"note": "and more"}])
def test_an_approval_is_bound_to_what_was_seen(shop: Client, change: dict[str, str]) -> None:
    """The database lets none of it change; were it changed all the same, the approval would not hold."""
    refund = waiting(shop)
    force(REFUND_GUARDS, "refunds_refund", refund.pk, **change)
    with pytest.raises(NotApprovableError):
        approve(refund.pk, BOB, seen=refund.parameters_hash)
    same(refund)


def test_a_request_that_has_lapsed_is_not_approved(shop: Client) -> None:
    refund = waiting(shop)
    Refund.objects.update(due_at=Now())
    with pytest.raises(NotApprovableError, match="lapsed"):
        approve(refund.pk, BOB, seen=refund.parameters_hash)
    assert again(refund).state == "awaiting_approval"


def test_a_refund_is_approved_once(shop: Client) -> None:
    refund = waiting(shop)
    approve(refund.pk, BOB, seen=refund.parameters_hash)
    for who in (BOB, Because("operator:eve", "request:eve")):
        with pytest.raises(NotApprovableError):
            approve(refund.pk, who, seen=refund.parameters_hash)
    assert again(refund).approved_by == "operator:bob"
    assert Event.objects.filter(type="refund.processing").count() == 1


def test_what_may_no_longer_be_refunded_is_not_approved(shop: Client) -> None:
    refund = waiting(shop)
    disputed(refund.payment, 100)
    with pytest.raises(RefundRefusedError) as refused:
        approve(refund.pk, BOB, seen=refund.parameters_hash)
    assert refused.value.code == "payment_disputed"
    same(refund)


@pytest.mark.parametrize("who", [ANN, BOB])
def test_a_refund_that_waits_can_be_called_off_also_by_who_asked(shop: Client, who: Because) -> None:
    refund = waiting(shop)
    reject(refund.pk, who, "not this one")
    row = again(refund)
    assert (row.state, row.error_code, row.decision, row.due_at) == ("rejected", "called_off", "not this one", None)
    assert (counters(refund.payment), claimed(), RefundAttempt.objects.count()) == ((0, 0), [], 0)
    with pytest.raises(NotApprovableError):
        approve(refund.pk, BOB, seen=refund.parameters_hash)


def test_a_refund_that_was_sent_cannot_be_called_off(shop: Client) -> None:
    refund = sent(shop)
    with pytest.raises(NotApprovableError):
        reject(refund.pk, BOB, "too late")
    assert (again(refund).state, counters(refund.payment)) == ("processing", (3000, 0))


def test_nothing_approves_what_needs_no_approval(shop: Client) -> None:
    refund = requested(paid(shop), 3000)
    with pytest.raises(NotApprovableError):
        approve(refund.pk, BOB, seen=refund.parameters_hash)
    assert (again(refund).state, again(refund).approved_by) == ("requested", "")


@pytest.mark.django_db(transaction=True)
def test_an_approved_refund_goes_out_once(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment: Payment = captured(shop, settler)
    refund = request(wanted(payment, 3000, limits={"USD": 1}), ANN).refund
    settler.drain()
    assert gateway.refund_requests(reference=payment.pk) == []
    approve(refund.pk, BOB, seen=refund.parameters_hash)
    settler.drain()
    assert (again(refund).state, counters(payment)) == ("succeeded", (3000, 3000))
    assert [made["idempotency_key"] for made in gateway.refunds(reference=payment.pk)] == [refund.pk]


def test_the_requester_of_a_bulk_refund_cannot_stand_in_as_its_approver(shop: Client) -> None:
    """The database has the last word: nothing is written."""
    payment = paid(shop)
    refusal = pytest.raises(Exception, match="nobody_approves_their_own_refund")
    with refusal:
        request(wanted(payment, 3000, limits={}, approved_by=BECAUSE.actor), BECAUSE)
    assert (Refund.objects.count(), counters(payment)) == (0, (0, 0))


def test_what_was_lost_in_a_dispute_meanwhile_is_not_approved(shop: Client) -> None:
    refund = waiting(shop, 10_000)
    disputed(refund.payment, 10_000, "lost")
    with pytest.raises(RefundRefusedError, match="lost dispute") as refused:
        approve(refund.pk, BOB, seen=refund.parameters_hash)
    assert refused.value.code == "amount_exceeds_refundable"
    same(refund)


def test_a_dispute_that_is_corrected_upwards_after_the_approval_stops_the_refund(shop: Client) -> None:
    payment = paid(shop)
    dispute = disputed(payment, 4000, "lost")
    refund = request(wanted(payment, 6000, limits={"USD": 1}), ANN).refund
    approve(refund.pk, BOB, seen=refund.parameters_hash)
    dispute.amount = 10_000
    dispute.save()
    assert claimed() == []
    assert (again(refund).state, again(refund).error_code) == ("failed", "amount_exceeds_refundable")
    assert (counters(payment), RefundAttempt.objects.count()) == ((0, 0), 0)


def test_the_limit_of_a_payment_is_not_passed_in_parts(shop: Client) -> None:
    """What the same person refunded of it alone counts together with what they ask for now."""
    payment = paid(shop)
    asked_for = [
        request(wanted(payment, amount, f"refund-{number}", limits={"USD": 3000}), ANN).refund
        for number, amount in enumerate([2000, 1000, 1, 500])
    ]
    assert [refund.state for refund in asked_for] == [
        *("requested", "requested", "awaiting_approval", "awaiting_approval")
    ]
    assert [refund.needs_approval for refund in asked_for] == [False, False, True, True]
    assert [work.refund.amount for work in claimed()] == [2000, 1000]


def test_only_what_the_same_person_refunds_alone_of_the_same_payment_counts(shop: Client) -> None:
    payment, other = paid(shop), paid(shop, "order-2-pay", order="order-2")
    limits = {"USD": 3000}
    made = [
        request(wanted(other, 3000, "other-payment", limits=limits), ANN).refund,
        request(wanted(payment, 1000, "somebody-else", limits=limits), BOB).refund,
        # With a second person, or called off, or failed: not refunded alone.
        request(wanted(payment, 3001, "approved", limits=limits), ANN).refund,
        request(wanted(payment, 2000, "called-off", limits=limits), ANN).refund,
    ]
    reject(made[-1].pk, ANN, "not this one")
    written(payment, 2500, state="failed", requested_by=ANN.actor)
    assert request(wanted(payment, 3000, "refund-5", limits=limits), ANN).refund.state == "requested"
    assert [refund.state for refund in made] == ["requested", "requested", "awaiting_approval", "requested"]


@pytest.mark.parametrize("origin", ["bulk", "proactive"])
def test_what_was_decided_about_as_a_whole_has_no_limit_per_payment(shop: Client, origin: str) -> None:
    payment = paid(shop)
    request(wanted(payment, 3000, limits={"USD": 3000}), ANN)
    refund = request(wanted(payment, 3000, "refund-2", limits={"USD": 3000}, origin=origin), ANN).refund
    assert (refund.state, refund.needs_approval) == ("requested", False)
