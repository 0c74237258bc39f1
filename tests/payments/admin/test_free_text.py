"""What people type is printable wherever it is stored: it goes into logs, records and pages (requirement G1)."""

import logging
from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser

from payments.free_text import UnprintableError, one_line
from payments.models import ApiKey, Circuit, CircuitChange, Client, CustomerStanding
from payments.services import circuits
from tests.payments.admin.conftest import text_of

OPEN = "/admin/payments/circuit/gateway/primary/charge/open/"
STANDINGS = "/admin/payments/customerstanding/"
ESCAPE = "they \x1b[31mcalled"
WORDS = "There is a character that cannot be shown (U+001B) after “they ”. Delete it."


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("  blanks around  ", "blanks around"),
        ("one\r\ntwo\nthree\rfour\u2028five", "one two three four five"),
        ("one\n\n\ntwo", "one two"),
        ("10\xa0€ für José 日本 👍", "10\xa0€ für José 日本 👍"),
        ("", ""),
        ("\n \r\n", ""),
    ],
)
def test_a_text_is_kept_as_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize("code", [0, 7, 8, 9, 0x1B, 0x7F, 0x85, 0x9B, 0x200B, 0x202E, 0xFEFF, 0xD800])
def test_what_cannot_be_shown_is_refused_with_its_place(code: int) -> None:
    with pytest.raises(UnprintableError) as error:
        one_line(f"they {chr(code)}called")
    assert str(error.value) == f"There is a character that cannot be shown (U+{code:04X}) after “they ”. Delete it."


def test_at_the_beginning_there_is_nothing_to_quote() -> None:
    with pytest.raises(UnprintableError) as error:
        one_line("\x1bcalled")
    assert str(error.value) == "There is a character that cannot be shown (U+001B) at its beginning. Delete it."


@pytest.mark.django_db
@pytest.mark.parametrize("act", [circuits.hold_open, circuits.hold_closed, circuits.release])
def test_no_breaker_is_changed_for_a_reason_that_cannot_be_shown(
    act: Callable[[str, str, str, str], object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(UnprintableError):
        act("primary", "charge", "anna", ESCAPE)
    assert (Circuit.objects.count(), CircuitChange.objects.count(), caplog.messages) == (0, 0, [])


@pytest.mark.django_db
def test_line_ends_of_a_reason_become_spaces_in_the_record() -> None:
    circuits.hold_open("primary", "charge", "anna", "they called:\r\nmaintenance\n")
    assert CircuitChange.objects.get().why == "they called: maintenance"


def test_the_page_says_what_is_wrong_with_a_reason_and_does_nothing(operator: Browser) -> None:
    reply = operator.post(OPEN, {"reason": ESCAPE})
    assert reply.status_code == 200
    assert WORDS in reply.content.decode()
    assert CircuitChange.objects.count() == 0
    operator.post(OPEN, {"reason": "they called:\r\nmaintenance"})
    assert CircuitChange.objects.get().why == "they called: maintenance"


@pytest.mark.parametrize("field", ["customer_reference", "reason"])
def test_the_standing_of_a_customer_takes_printable_text_alone(shop: Client, operator: Browser, field: str) -> None:
    data = {"client": shop.pk, "customer_reference": "c-1", "trusted": "True", "reason": "known", field: ESCAPE}
    assert WORDS in operator.post(f"{STANDINGS}add/", data).content.decode()
    assert (CustomerStanding.objects.count(), LogEntry.objects.count()) == (0, 0)
    row = CustomerStanding.objects.create(
        client=shop, customer_reference="c-1", trusted=True, reason="known", set_by="bert"
    )
    changed = {"trusted": "False", "reason": ESCAPE}
    assert WORDS in operator.post(f"{STANDINGS}{row.pk}/change/", changed).content.decode()
    assert WORDS in operator.post(f"{STANDINGS}{row.pk}/forget/", {"reason": ESCAPE}).content.decode()
    row.refresh_from_db()
    assert (row.trusted, row.reason, LogEntry.objects.count()) == (True, "known", 0)


def test_the_label_of_a_key_is_printable_text(shop: Client, administrator: Browser) -> None:
    data = {"client": shop.pk, "label": ESCAPE, "scopes": ["payments:read"]}
    assert WORDS in administrator.post("/admin/payments/apikey/add/", data).content.decode()
    assert ApiKey.objects.count() == 0


def test_the_form_of_a_standing_still_shows_its_fields(operator: Browser) -> None:
    page = text_of(operator, f"{STANDINGS}add/")
    assert 'name="customer_reference"' in page
    assert 'maxlength="64"' in page
