"""What people were asked about a dispute is closed with its end, and asked anew when it goes on (E1, D5)."""

from typing import Any

import pytest

from disputes.models import Dispute
from disputes.services.heard import heard
from payments.gateways.after_capture import DisputeReport
from payments.models import GatewayEvent, OperatorTask
from tests.disputes.conftest import closed, disputed, held, opened, tell
from tests.payments.conftest import BECAUSE
from tests.refunds.gateway_telling import happened, receive
from tests.refunds.journey import Journey

pytestmark = pytest.mark.django_db(transaction=True)


def answered(dispute: Dispute, status: str) -> Dispute:
    """Let the gateway answer now; return the dispute as it is then."""
    row = Dispute.objects.get(pk=dispute.pk)
    report = DisputeReport(
        status,
        reference=row.gateway_reference,
        charge=row.charge.gateway_reference,
        payment_id=row.payment_id,
        amount=row.amount,
        currency=row.currency,
    )
    heard(row.pk, report, BECAUSE, row.fence)
    return Dispute.objects.get(pk=row.pk)


def tasks(kind: str) -> list[tuple[str, str]]:
    """Return who closed each task of the kind, and how, oldest first."""
    rows = OperatorTask.objects.filter(kind=kind).order_by("pk")
    assert all((row.closed_at is None) == (row.closed_by == "") for row in rows)
    return list(rows.values_list("closed_by", "resolution"))


def detail(kind: str) -> str:
    return OperatorTask.objects.get(kind=kind, closed_at__isnull=True).detail


def name(dispute: Dispute, amount: str = "40.00 USD") -> str:
    return f"Dispute {dispute.gateway_reference} of {amount}"


def two(journey: Journey, **second: Any) -> tuple[Dispute, Dispute]:
    """Return two open disputes of the payment, of 40.00 USD and 30.00 USD."""
    return opened(journey, amount=4000), opened(journey, amount=3000, **second)


@pytest.mark.parametrize("end", ["won", "lost"])
def test_the_end_of_a_dispute_closes_the_task_to_answer_it(journey: Journey, end: str) -> None:
    dispute = opened(journey, amount=4000)
    assert tasks("dispute_received") == [("", "")]
    closed(journey, dispute, end)
    assert tasks("dispute_received") == [("paysite", f"{name(dispute)} was {end}.")]


def test_a_dispute_that_the_gateway_does_not_know_closes_its_task_and_asks_about_that_alone(journey: Journey) -> None:
    dispute = opened(journey, amount=4000)
    answered(dispute, "not_found")
    assert tasks("dispute_received") == [("", "")]
    answered(dispute, "not_found")
    end = f"{name(dispute)} is closed: the gateway knows of none such."
    assert (tasks("dispute_received"), journey.tasks()) == ([("paysite", end)], ["contradiction"])


def test_a_task_about_two_disputes_is_closed_with_the_last_of_them(journey: Journey) -> None:
    first, second = two(journey)
    closed(journey, first, "won")
    assert tasks("dispute_received") == [("", "")]
    closed(journey, second, "lost")
    said = f"{name(first)} was won. {name(second, '30.00 USD')} was lost."
    assert tasks("dispute_received") == [("paysite", said)]


def test_a_task_that_names_what_is_no_dispute_of_ours_stays_open(journey: Journey) -> None:
    dispute = opened(journey, amount=4000)
    (event,) = happened(journey.gateway, journey.payment, "dispute.")
    other = {**event["data"]["object"], "id": "ch_other"}
    receive([{**event, "id": "evt_other", "data": {**event["data"], "object": other}}])
    journey.settler.drain()
    closed(journey, dispute, "won")
    assert (Dispute.objects.get().status, tasks("dispute_received")) == ("won", [("", "")])


def test_a_task_whose_event_is_gone_stays_open(journey: Journey) -> None:
    dispute = opened(journey, amount=4000)
    GatewayEvent.objects.all().delete()
    assert answered(dispute, "won").status == "won"
    assert tasks("dispute_received") == [("", "")]


def test_a_dispute_that_goes_on_is_asked_about_anew_and_closed_with_its_second_end(journey: Journey) -> None:
    dispute = closed(journey, opened(journey, amount=4000), "won")
    for _ in range(2):
        answered(dispute, "open")
    assert [by for by, _ in tasks("dispute_received")] == ["paysite", ""]
    assert f"Dispute {dispute.gateway_reference}: it goes on since " in detail("dispute_received")
    answered(dispute, "lost")
    ends = [("paysite", f"{name(dispute)} was {end}.") for end in ("won", "lost")]
    assert tasks("dispute_received") == ends


def test_a_dispute_that_was_won_closes_the_double_loss(journey: Journey) -> None:
    journey.refund(10_000)
    dispute = opened(journey, amount=4000)
    assert journey.tasks() == ["dispute_received", "double_loss"]
    closed(journey, dispute, "won")
    end = f"{name(dispute)} was won. Refunds and disputes take no more than was captured."
    assert (held(journey), tasks("double_loss"), journey.tasks()) == ((0, 0), [("paysite", end)], [])


def test_a_double_loss_by_another_dispute_stays_open(journey: Journey) -> None:
    journey.refund(10_000)
    first, second = two(journey)
    closed(journey, first, "won")
    assert (held(journey), tasks("double_loss")) == ((3000, 0), [("", "")])
    closed(journey, second, "won")
    assert [by for by, _ in tasks("double_loss")] == ["paysite"]


def test_a_refund_that_is_evidence_against_another_dispute_stays_with_people(journey: Journey) -> None:
    first, second = two(journey)
    said = "Refund rf_1 of 10.00 USD: It went out, and the customer disputes the charge as well. Answer with it."
    OperatorTask.objects.create(payment=journey.payment, kind="double_loss", detail=said)
    closed(journey, first, "won")
    assert (held(journey), tasks("double_loss")) == ((3000, 0), [("", "")])
    closed(journey, second, "won")
    assert [by for by, _ in tasks("double_loss")] == ["paysite"]


def test_a_task_of_its_own_is_closed_and_that_of_another_payment_is_not(journey: Journey) -> None:
    dispute = opened(journey, amount=4000)
    task = OperatorTask.objects.get(kind="dispute_received")
    apart, other = f"Payment {journey.payment.pk}: {task.detail}", f"Payment pay_other: {task.detail}"
    OperatorTask.objects.update(payment=None, subject="one", detail=apart)
    OperatorTask.objects.create(kind="dispute_received", subject="two", detail=other)
    closed(journey, dispute, "won")
    assert tasks("dispute_received") == [("paysite", f"{name(dispute)} was won."), ("", "")]


def test_a_double_loss_that_was_closed_is_asked_about_anew_when_its_dispute_goes_on(journey: Journey) -> None:
    journey.refund(10_000)
    dispute = closed(journey, opened(journey, amount=4000), "won")
    for _ in range(2):
        answered(dispute, "open")
    assert [by for by, _ in tasks("double_loss")] == ["paysite", ""]
    assert detail("double_loss").count("Answer the dispute with the refunds.") == 1


def test_a_lost_double_loss_says_what_is_lost_and_asks_for_no_answer(journey: Journey) -> None:
    journey.refund(10_000)
    dispute = opened(journey, amount=4000)
    closed(journey, dispute, "lost")
    answered(dispute, "lost")
    said = detail("double_loss")
    assert said == (
        f"Dispute {dispute.gateway_reference}: 100.00 USD refunded or being refunded, 40.00 USD lost to disputes; "
        "together more than captured by 40.00 USD. The dispute is over: ask for the refund back, or write the "
        "difference off."
    )
    assert tasks("double_loss") == [("paysite", f"{name(dispute)} was lost."), ("", "")]


def test_a_lost_dispute_beside_an_open_one_tells_both_amounts(journey: Journey) -> None:
    journey.refund(10_000)
    first, second = two(journey)
    closed(journey, first, "lost")
    said = "100.00 USD refunded or being refunded, 30.00 USD disputed, 40.00 USD lost to disputes; together more than "
    told = f"Dispute {first.gateway_reference}: {said}captured by 70.00 USD. The dispute is over"
    # The payment's task is full by then, so that it may be told in one of its own.
    open_ones = OperatorTask.objects.filter(kind="double_loss", closed_at__isnull=True)
    assert sum(told in task.detail for task in open_ones) == 1
    assert Dispute.objects.get(pk=second.pk).status == "needs_response"


def test_a_dispute_of_which_only_the_end_was_told_leaves_no_task_to_answer_it(journey: Journey) -> None:
    made = disputed(journey, amount=4000)
    journey.gateway.control(f"disputes/{made['id']}/close", status="lost")
    tell(journey)
    journey.settler.drain()
    assert (Dispute.objects.get().status, [by for by, _ in tasks("dispute_received")]) == ("lost", ["paysite"])
