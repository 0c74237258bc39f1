"""What the team is told when nobody approved a refund in time (requirements D6, G7)."""

from typing import Any

import pytest

from payments.models import Client, Notice
from refunds.services.lapsed import tell_team
from tests.refunds.conftest import requested
from tests.refunds.rows import counters, paid
from tests.refunds.telling import claimed_again

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _channel(settings: Any) -> None:
    settings.ALERT_EMAILS, settings.ALERT_WEBHOOK = ["team@shop.test"], ""


def test_a_lapsed_approval_is_told_to_the_team_once(shop: Client) -> None:
    payment = paid(shop)
    refund = requested(payment, 3000, limits={"USD": 100})
    assert not Notice.objects.filter(kind="refund_lapsed").exists()
    claimed_again(refund)
    (told,) = Notice.objects.filter(kind="refund_lapsed")
    assert (told.severity, told.subject, told.path) == (
        *("warning", "Refund of 30.00 USD lapsed", f"/admin/refunds/refund/{refund.pk}/change/"),
    )
    assert told.text == (
        f"Asked for by {refund.requested_by}; nobody approved it in time, and nothing was sent. "
        "If the customer is to get the money, ask for it again."
    )
    assert counters(payment) == (0, 0)
    tell_team(refund)
    assert Notice.objects.filter(kind="refund_lapsed").count() == 1
