"""What the first sentence of the front page says about gateways that take no charges (requirements B6, B9)."""

import pytest
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.clock import database_now
from payments.models import Circuit, Client, GatewayHealth, OperatorTask, SettleLoop
from payments.reliability.breaker import Board
from payments.services import circuits
from payments.services.claim import claim
from tests.payments.admin.breaker_rows import REFUSED
from tests.payments.admin.breaking import fail
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, accepted
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db


def headline_of(browser: Browser) -> tuple[str, str]:
    found = browser.get("/admin/").context["headline"]
    return found.colour, found.words


def with_a_loop_and_three_tasks(shop: Client) -> None:
    for slot in ("settle-1", "outbox-1"):
        SettleLoop.objects.create(name=slot, beat_at=Now())
    payment = accepted(shop)
    for kind in ("rejected", "mismatch", "contradiction"):
        OperatorTask.objects.create(payment=payment, kind=kind)


def test_the_first_sentence_names_the_gateway_that_takes_no_charges_before_all_that_waits(
    shop: Client, operator: Browser
) -> None:
    with_a_loop_and_three_tasks(shop)
    waiting = "3 items wait for a person: see Review and Operator tasks."
    assert headline_of(operator) == ("warning", waiting)
    fail("primary")
    colour, words = headline_of(operator)
    at = f"{Circuit.objects.get().opened_at:%H:%M}"
    assert (colour, words) == (
        *("warning",),
        f"primary takes no charges since {at} UTC ({REFUSED} ×5); payments go to secondary. {waiting}",
    )
    fail("secondary")
    colour, words = headline_of(operator)
    assert colour == "danger"
    assert words.startswith(f"No gateway can charge: primary since {at} UTC ({REFUSED} ×5), secondary since ")
    assert words.endswith(waiting)


def test_after_an_outage_the_front_page_says_that_the_gateways_are_tried_again(shop: Client, operator: Browser) -> None:
    fail("primary", reason="read_timeout")
    fail("secondary", reason="read_timeout")
    advance(60)
    with_a_loop_and_three_tasks(shop)
    GatewayHealth.objects.update_or_create(
        gateway="primary", defaults={"due_at": Now(), "checked_at": Now(), "healthy": True}
    )
    assert Board.read(database_now()).admits("primary", "charge")
    said = "primary is being tried again: the next 3 payments are its trial calls."
    colour, words = headline_of(operator)
    assert (colour, words.startswith(said)) == ("warning", True)
    page = text_of(operator, "/admin/")
    assert f"Level in use now: <b>1</b> {said}" in page
    assert "No gateway can charge" not in page
    assert "no gateway can charge" not in page
    assert "last failed " in page
    # The next payment is a trial call indeed.
    accepted(shop, "next", order="next")
    claim(limit=100, because=BECAUSE)
    assert Circuit.objects.get(gateway="primary").trials == 2
    assert "the next payment is its trial call" in headline_of(operator)[1]


def test_back_to_automatic_the_front_page_says_at_once_that_the_gateways_are_tried_again(operator: Browser) -> None:
    for slot in ("settle-1", "outbox-1"):
        SettleLoop.objects.create(name=slot, beat_at=Now())
    for gateway in ("primary", "secondary"):
        circuits.hold_open(gateway, "charge", "anna", "maintenance")
    assert headline_of(operator)[0] == "danger"
    circuits.release("primary", "charge", "anna", "it is over")
    assert headline_of(operator) == (
        *("warning",),
        "primary is being tried again: the next 3 payments are its trial calls.",
    )
    page = text_of(operator, "/admin/payments/circuit/gateway/primary/")
    assert "<dt>Last change</dt><dd>it is over</dd>" in page
    assert "<dt>Why</dt>" not in page
