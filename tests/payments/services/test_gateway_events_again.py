"""An operator applies one event or a range once more: nothing that is right changes, and the trail says who asked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments.audit import Because
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, GatewayEvent, LedgerPosting
from payments.services.gateway_events import apply_again
from tests.payments.conftest import after, sent
from tests.payments.services.gateway_telling import run
from tests.payments.webhooks.sending import stored

pytestmark = pytest.mark.django_db(transaction=True)

ANNA = Because("operator:anna", "console:apply-again")


def applied(shop: Client) -> GatewayEvent:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    event = stored(attempt, "charge.succeeded", reference="ch_1")
    run()
    event.refresh_from_db()
    assert event.state == "applied"
    return event


def test_an_event_is_due_again_and_the_trail_says_who_asked(shop: Client) -> None:
    event = applied(shop)
    assert apply_again(ANNA, ids=[event.pk], reason="to be sure") == 1
    again = GatewayEvent.objects.get()
    assert (again.state, again.tries, again.applied_at, again.fence) == ("received", 0, None, event.fence + 1)
    assert again.due_at is not None
    entry = AuditEntry.objects.get(action="event.applied_again")
    assert (entry.actor, entry.reason, entry.before, entry.after) == (
        *("operator:anna", "to be sure"),
        *("success", "success"),
    )
    assert entry.data == {"gateway": "primary", "event": "evt_1", "type": "charge.succeeded"}


def test_applying_it_again_and_again_changes_nothing(shop: Client) -> None:
    event = applied(shop)
    before = (LedgerPosting.objects.count(), AuditEntry.objects.count())
    for _ in range(3):
        apply_again(ANNA, ids=[event.pk])
        apply_again(ANNA, ids=[event.pk])
        run()
    event.refresh_from_db()
    assert event.state == "applied"
    assert (LedgerPosting.objects.count(), AuditEntry.objects.count()) == (before[0], before[1] + 6)


def test_a_range_takes_what_was_received_in_it_of_one_gateway(db: None) -> None:
    now = database_now()
    for number, (gateway, hours) in enumerate([("primary", 3), ("primary", 2), ("secondary", 2), ("primary", 1)]):
        event = stored(None, "payout.paid", number=number, gateway=gateway)
        GatewayEvent.objects.filter(pk=event.pk).update(
            received_at=now - timedelta(hours=hours), state="ignored", due_at=None
        )
    since, until = now - timedelta(hours=2), now - timedelta(hours=1)
    assert apply_again(ANNA, since=since, until=until, gateway="primary") == 1
    assert list(GatewayEvent.objects.filter(state="received").values_list("event_id", flat=True)) == ["evt_1"]
    assert apply_again(ANNA, since=since, until=until) == 2
    assert GatewayEvent.objects.filter(state="received").count() == 2
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("chosen", [{}, {"since": timezone.now()}, {"until": timezone.now()}, {"gateway": "primary"}])
def test_without_a_choice_nothing_is_done(shop: Client, chosen: dict[str, object]) -> None:
    applied(shop)
    before = GatewayEvent.objects.values().get()
    with pytest.raises(ValueError, match="Name the events"):
        apply_again(ANNA, **chosen)  # type: ignore[arg-type]
    assert GatewayEvent.objects.values().get() == before
