"""Refunds that are unfinished and due at no time are found by recovery (requirement C1)."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Client, RecoveryRun
from payments.services.recover import recover
from refunds.models import Refund, RefundAttempt
from refunds.services.sweep import sweep
from tests.payments.conftest import BECAUSE
from tests.refunds.conftest import requested
from tests.refunds.rows import counters, paid
from tests.refunds.telling import asked, claimed, sent, states, told

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("how", ["requested", "sent", "unknown", "pending", "not_sent"])
def test_a_forgotten_refund_is_due_again(shop: Client, how: str) -> None:
    refund = requested(paid(shop), 3000) if how == "requested" else sent(shop)
    if how not in {"requested", "sent"}:
        told(refund, Kind(how))
    Refund.objects.update(due_at=None, claimed_until=None)
    assert (claimed(), sweep(None), len(claimed()), sweep(None)) == ([], 1, 1, 0)


def test_recovery_reports_what_it_found(shop: Client) -> None:
    requested(paid(shop), 3000)
    Refund.objects.update(due_at=None)
    recover(RecoveryRun.Trigger.COMMAND, BECAUSE)
    assert len(claimed()) == 1


def test_a_forgotten_request_for_approval_does_not_lapse_before_its_time(shop: Client) -> None:
    refund = requested(paid(shop), 3000, limits={})
    lapses_at = refund.due_at
    Refund.objects.update(due_at=None)
    assert (sweep(None), claimed(), Refund.objects.get().state) == (1, [], "awaiting_approval")
    assert Refund.objects.get().due_at == lapses_at


@pytest.mark.parametrize("kind", [Kind.SUCCEEDED, Kind.DECLINED])
def test_what_is_over_is_left_alone(shop: Client, kind: Kind) -> None:
    refund = told(sent(shop), kind, reference="re_1", decline_code="account_closed")
    before = states(refund), counters(refund.payment)
    assert (sweep(None), claimed()) == (0, [])
    assert (states(refund), counters(refund.payment)) == before


def test_what_is_with_people_after_a_week_is_left_to_them(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    RefundAttempt.objects.update(sent_at=Now() - timedelta(days=8))
    refund = told(refund, Kind.UNKNOWN, "read_timeout", looked=True)
    assert (refund.due_at, states(refund), asked(refund)) == (None, ["unknown", "unresolved"], ["refund_unknown"])
    assert sweep(None) == 0


def test_a_shop_has_its_own_refunds_swept(shop: Client) -> None:
    requested(paid(shop), 3000)
    Refund.objects.update(due_at=None)
    other = Client.objects.create(slug="other", name="Other", form_secret="other")
    assert (sweep(other.pk), sweep(shop.pk)) == (0, 1)
