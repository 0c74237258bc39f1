"""A handler that cannot see to an event yet is called again: nothing it wrote is kept, and it is no try."""

from datetime import timedelta

import pytest

from payments import outcomes
from payments.gateways.base import Kind
from payments.models import Client, OperatorTask
from payments.outcomes import Later, Told
from tests.payments.conftest import after, sent
from tests.payments.services.gateway_telling import run, state_of
from tests.payments.webhooks.sending import stored
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_event_whose_handler_says_later_is_handled_then(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[str | Later] = ["Done.", Later("Somebody is at work.", timedelta(seconds=30))]

    def handler(told: Told) -> str | Later:
        OperatorTask.objects.create(kind="contradiction", subject=f"call {len(answers)}", detail="")
        return answers.pop()

    monkeypatch.setitem(outcomes._handlers, "tested.", handler)
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    event = stored(attempt, "tested.thing", reference="ch_1")
    run()
    assert (state_of(event), event.tries) == (("received", "Somebody is at work."), 0)
    assert not OperatorTask.objects.exists()
    advance(28)
    run()
    assert len(answers) == 1
    advance(3)
    run()
    assert (state_of(event), event.tries, OperatorTask.objects.get().subject) == (("applied", "Done."), 0, "call 1")
