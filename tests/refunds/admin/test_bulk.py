"""Bulk refunds in the console: started, stopped, and approved by somebody else (requirements D6, G4)."""

from typing import Any

import pytest
from django.test import Client as Browser

from payments.admin.roles import OPERATOR, SUPERVISOR
from payments.models import Payment
from payments.services.settle import Settler
from refunds.models import Refund
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import reload
from tests.refunds.admin.bulk_pages import LIST, act_of, made, page_of
from tests.refunds.services.bulks import now

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_list_is_started_after_a_confirmation_and_shows_each_rows_refund(
    payment: Payment, operator: Browser, settler: Settler
) -> None:
    bulk = made(operator, f"{payment.pk},30.00", f"{payment.pk},40.00")
    assert "2 rows are refunded, 70.00 USD in all" in text_of(operator, act_of(bulk, "start"))
    settler.drain()
    assert Refund.objects.count() == 0
    for _ in range(2):
        assert operator.post(act_of(bulk, "start"), {"reason": "outage"}).status_code in {200, 302}
    settler.drain()
    assert (now(bulk).state, Refund.objects.count(), reload(payment).refunded) == ("done", 2, 7000)
    page = text_of(operator, page_of(bulk))
    for refund in Refund.objects.all():
        assert f"/admin/refunds/refund/{refund.pk}/change/" in page
    assert "Start the refunds: outage" in page
    assert page.count("The money went back.") == 2


@pytest.mark.parametrize("seen", ["", "0" * 64])
def test_a_start_that_saw_another_list_is_refused(
    payment: Payment, operator: Browser, settler: Settler, seen: str
) -> None:
    bulk = made(operator, f"{payment.pk},30.00")
    response = operator.post(f"{LIST}{bulk.pk}/do/start/?seen={seen}", {"reason": "outage"}, follow=True)
    assert "The list is not the one that you saw." in response.content.decode()
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("checked", 0)


def test_above_the_operators_limit_a_supervisor_approves(payment: Payment, operator: Browser, settler: Settler) -> None:
    bulk = made(operator, f"{payment.pk},60.00", f"{payment.pk},60.00")
    assert "It is above what you may refund alone" in text_of(operator, page_of(bulk))
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    assert now(bulk).state == "awaiting_approval"
    assert operator.post(act_of(bulk, "approve"), {"reason": "mine"}).status_code == 403
    supervisor = browser_of("bert", SUPERVISOR)
    assert "1 bulk refund waits for approval." in text_of(supervisor, "/admin/")
    assert bulk.pk in text_of(supervisor, f"{LIST}?queue=bulk_to_approve").replace("_5F", "_")
    supervisor.post(act_of(bulk, "approve"), {"reason": "agreed"})
    settler.drain()
    row = now(bulk)
    assert (row.state, row.approved_by, row.decision) == ("done", "operator:bert", "agreed")
    assert reload(payment).refunded == 12_000


def test_a_supervisor_does_not_approve_a_list_of_their_own(payment: Payment, settler: Settler, settings: Any) -> None:
    settings.REFUND_LIMITS = {**settings.REFUND_LIMITS, "supervisor": {"USD": 100}}
    supervisor = browser_of("bert", SUPERVISOR)
    bulk = made(supervisor, f"{payment.pk},60.00")
    supervisor.post(act_of(bulk, "start"), {"reason": "outage"})
    page = text_of(supervisor, page_of(bulk))
    assert "Who asked for a refund may not approve it: ask somebody else." in page
    supervisor.post(act_of(bulk, "approve"), {"reason": "agreed"})
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("awaiting_approval", 0)


def test_a_colleague_cannot_start_but_can_stop_it(payment: Payment, operator: Browser, settler: Settler) -> None:
    bulk, colleague = made(operator, f"{payment.pk},30.00"), browser_of("carl", OPERATOR)
    assert "Only who made the list may start it." in text_of(colleague, page_of(bulk))
    colleague.post(act_of(bulk, "start"), {"reason": "outage"})
    assert now(bulk).state == "checked"
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    colleague.post(act_of(bulk, "stop"), {"reason": "wrong file"})
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("stopped", 0)
