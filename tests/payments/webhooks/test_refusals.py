"""What nobody we know has signed leaves a line in the security log and a count, and nothing else (B101, W04, 29)."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings

from payments.gateways.base import EventNotice
from payments.models import Client, RefusedWebhook
from payments.reliability.gateways import gateway_named
from tests.payments.conftest import sent
from tests.payments.webhooks.sending import body_of, charge_of, deliver, headers_of

pytestmark = pytest.mark.django_db

Headers = dict[str, str]
BODY = body_of("evt_1", "charge.succeeded", {"object": "charge", "id": "ch_1"})


def _with(**changes: str | None) -> Callable[[Headers], Headers]:
    """Return what replaces headers (`id`, `timestamp`, `signature`); None takes one away."""

    def change(headers: Headers) -> Headers:
        named = {**headers, **{f"webhook-{name}": value for name, value in changes.items()}}
        return {name: value for name, value in named.items() if value is not None}

    return change


def _again(event_id: str) -> Callable[[Headers], Headers]:
    """Return headers that are rightly signed for another event id."""
    return lambda _: headers_of(event_id, BODY)


CASES: dict[str, tuple[Callable[[Headers], Headers], str]] = {
    "no signature": (_with(signature=None), "missing_header"),
    "an empty signature": (_with(signature=""), "missing_header"),
    "bad base64": (_with(signature="v1,!!!not-base64!!!"), "bad_signature"),
    "another version's signature": (_with(signature="v9,AAAA"), "bad_signature"),
    "a thousand signatures": (_with(signature=" ".join(["v1," + "A" * 43 + "="] * 1000)), "header_too_long"),
    "twenty wrong signatures": (_with(signature=" ".join(["v1," + "A" * 43 + "="] * 20)), "bad_signature"),
    "another secret": (lambda _: headers_of("evt_1", BODY, secret="whsec_b3RoZXI="), "bad_signature"),
    "no timestamp": (_with(timestamp=None), "missing_header"),
    "timestamp NaN": (_with(timestamp="NaN"), "bad_timestamp"),
    "a negative timestamp": (_with(timestamp="-1"), "bad_timestamp"),
    "timestamp 2^63": (_with(timestamp=str(2**63)), "bad_timestamp"),
    "a timestamp in exponents": (_with(timestamp="1e9"), "bad_timestamp"),
    "signed an hour ago": (lambda _: headers_of("evt_1", BODY, age=3600), "too_old"),
    "signed for in an hour": (lambda _: headers_of("evt_1", BODY, age=-3600), "too_new"),
    "another time than was signed": (_with(timestamp="1000000000"), "too_old"),
    "no event id": (_with(id=None), "missing_header"),
    "an empty event id": (_with(id=""), "missing_header"),
    "900 characters of event id": (_again("e" * 900), "bad_event_id"),
    "256 characters of event id": (_again("e" * 256), "bad_event_id"),
    "another event id than was signed": (_with(id="evt_2"), "bad_signature"),
}


def rows() -> dict[str, int]:
    """Count the rows of every table but the counter's."""
    models = [model for model in apps.get_models() if model is not RefusedWebhook]
    return {model._meta.label: model._default_manager.count() for model in models}


def counts() -> dict[str, int]:
    return dict(RefusedWebhook.objects.values_list("reason", "count"))


@pytest.mark.parametrize("case", CASES)
def test_it_leaves_a_count_and_a_line_alone(case: str, caplog: pytest.LogCaptureFixture) -> None:
    change, reason = CASES[case]
    before = rows()
    with caplog.at_level(logging.INFO):
        answer = deliver(BODY, change(headers_of("evt_1", BODY)))
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert rows() == before
    assert counts() == {reason: 1}
    lines = [record for record in caplog.records if record.name == "paysite.security"]
    assert [(line.levelname, reason in line.getMessage()) for line in lines] == [("WARNING", True)]
    told = caplog.text + answer.content.decode()
    assert "ch_1" not in told
    assert settings.DEMO_WEBHOOK_SECRET not in told
    assert reason not in answer.content.decode()


def test_one_changed_byte_is_enough(shop: Client) -> None:
    body = body_of("evt_1", "charge.succeeded", charge_of(sent(shop)))
    before = rows()
    for place in range(0, len(body), 7):
        changed = bytearray(body)
        changed[place] ^= 1
        assert deliver(bytes(changed), headers_of("evt_1", body)).status_code == 400
    assert rows() == before
    assert counts() == {"bad_signature": len(range(0, len(body), 7))}


def test_a_control_character_in_the_event_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"{}"
    for event_id in ("evt\x001", "evt\x1b[2J", "evt\u202e1"):
        before = rows()
        assert deliver(body, headers_of(event_id, body)).status_code == 400
        assert rows() == before
    assert sum(counts().values()) == 3


def test_an_adapter_that_lets_a_bad_event_id_pass_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter: Any = gateway_named("primary")
    for event_id in ("", "e" * 256, "evt\x00", "evt\n1"):
        monkeypatch.setattr(type(adapter), "read_event", lambda *_, event_id=event_id: EventNotice(event_id))
        before = rows()
        assert deliver(BODY, {}).status_code == 400
        assert rows() == before
    assert counts() == {"bad_event_id": 4}


@pytest.mark.parametrize("size", [256 * 1024 + 1, 1_048_576])
def test_a_large_body_is_not_read(size: int) -> None:
    body = b"x" * size
    before = rows()
    answer = deliver(body, headers_of("evt_1", body))
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
    assert rows() == before
    assert counts() == {"body_too_large": 1}


def test_the_largest_body_is_read(db: None) -> None:
    body = b" " * (256 * 1024 - 2) + b"{}"
    assert deliver(body, headers_of("evt_1", body)).status_code == 200


def test_a_gateway_without_a_secret_is_never_believed(settings: Any) -> None:
    settings.GATEWAYS = [{**each, "webhook_secret": ""} for each in settings.GATEWAYS]
    gateway_named.cache_clear()
    try:
        assert deliver(BODY, headers_of("evt_1", BODY)).status_code == 400
    finally:
        gateway_named.cache_clear()
    assert counts() == {"not_configured": 1}
