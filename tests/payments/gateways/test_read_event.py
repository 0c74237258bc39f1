"""Who sent a webhook, and what it claims to be about (requirement E1)."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from standardwebhooks import Webhook

from payments.gateways.base import EventNotice, EventRefusedError
from tests.payments.gateways.builders import charge_object, charge_request, gateway

SECRET: Final = "whsec_" + base64.b64encode(b"the gateway's secret").decode()
OTHER: Final = "whsec_" + base64.b64encode(b"another secret").decode()
REQUEST: Final = charge_request(payment_id="pay_01jd3m0000000000000000000a")
EVENT: Final = {
    "id": "evt_1",
    "type": "charge.succeeded",
    "created": 1_800_000_000,
    "apiVersion": "1",
    "data": {"object": charge_object(REQUEST)},
}


def signed(body: bytes, *, secret: str = SECRET, event_id: str = "evt_1", age: float = 0) -> dict[str, str]:
    """Return the headers of a webhook signed `age` seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    return {
        "Webhook-Id": event_id,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(event_id, at, body.decode()),
    }


def encoded(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


def read(headers: dict[str, str], body: bytes, *, secrets: str = SECRET) -> EventNotice:
    return gateway("http://127.0.0.1:1", webhook_secret=secrets).read_event(headers, body)


def refusal(headers: dict[str, str], body: bytes, *, secrets: str = SECRET) -> str:
    with pytest.raises(EventRefusedError) as caught:
        read(headers, body, secrets=secrets)
    return caught.value.code


def test_a_signed_event_says_which_charge_it_is_about() -> None:
    body = encoded()
    assert read(signed(body), body) == EventNotice(
        event_id="evt_1",
        type="charge.succeeded",
        reference="ch_1",
        key=f"{REQUEST.payment_id}-a1",
        payment_id=REQUEST.payment_id,
        created=1_800_000_000,
        api_version="1",
    )


def test_the_id_is_the_signed_one_whatever_the_body_says() -> None:
    body = encoded(id="evt_other")
    assert read(signed(body, event_id="evt_header"), body).event_id == "evt_header"


def test_one_changed_byte_of_the_body_is_refused() -> None:
    body = encoded()
    assert refusal(signed(body), body.replace(b"1000", b"9000")) == "bad_signature"


def test_another_id_than_the_signed_one_is_refused() -> None:
    body = encoded()
    assert refusal({**signed(body), "Webhook-Id": "evt_2"}, body) == "bad_signature"


def test_a_foreign_secret_is_refused() -> None:
    body = encoded()
    assert refusal(signed(body, secret=OTHER), body) == "bad_signature"


def test_while_the_secret_is_changed_both_are_believed() -> None:
    body = encoded()
    for secret in (SECRET, OTHER):
        assert read(signed(body, secret=secret), body, secrets=f"{SECRET} {OTHER}").event_id == "evt_1"


@pytest.mark.parametrize("secrets", ["", "whsec_", "whsec_A", "  "])
def test_without_a_secret_that_can_sign_every_event_is_refused(secrets: str) -> None:
    body = encoded()
    assert refusal(signed(body), body, secrets=secrets) == "not_configured"


@pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_or_empty_header_is_refused(name: str, value: str | None) -> None:
    body = encoded()
    headers = {**signed(body), name: value or ""}
    if value is None:
        del headers[name]
    assert refusal(headers, body) == "missing_header"


@pytest.mark.parametrize(
    ("age", "code"), [(310, "too_old"), (86_400, "too_old"), (-310, "too_new"), (-86_400, "too_new")]
)
def test_a_right_signature_from_another_time_is_refused(age: float, code: str) -> None:
    body = encoded()
    assert refusal(signed(body, age=age), body) == code


@pytest.mark.parametrize("age", [290, -290])
def test_clocks_may_differ_by_almost_five_minutes(age: float) -> None:
    body = encoded()
    assert read(signed(body, age=age), body).event_id == "evt_1"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, "bad_timestamp") for text in ("nan", "inf", "-1", "1e9", "1_800_000_000", "١٢", " 1", "x")),
        *((str(2**63), "bad_timestamp"), ("0", "too_old"), ("999999999999", "too_new")),
    ],
)
def test_a_timestamp_that_is_no_time_near_now_is_refused(text: str, code: str) -> None:
    body = encoded()
    assert refusal({**signed(body), "Webhook-Timestamp": text}, body) == code


@pytest.mark.parametrize(
    "signature",
    [
        "v1",
        "v1,",
        "v1,====",
        "v1,not base64!",
        "v1,é",
        "v2,AAAA",
        ",",
        " ",
        "v1,A,B",
        "v1a,AAAA",
        "\x00",
        "v1," + "A" * 44,
    ],
)
def test_a_malformed_signature_is_refused_like_a_wrong_one(signature: str) -> None:
    body = encoded()
    assert refusal({**signed(body), "Webhook-Signature": signature}, body) == "bad_signature"


@pytest.mark.parametrize("other", ["v1", "v1,????", "v1a,b2g=", "v9,", "v1," + "A" * 43 + "="])
def test_a_right_signature_is_found_among_others(other: str) -> None:
    body = encoded()
    headers = signed(body)
    headers["Webhook-Signature"] = f"{other} {headers['Webhook-Signature']} {other}"
    assert read(headers, body).event_id == "evt_1"


def test_a_thousand_signatures_are_refused_unread() -> None:
    body = encoded()
    headers = signed(body)
    headers["Webhook-Signature"] = " ".join([headers["Webhook-Signature"]] * 1000)
    assert refusal(headers, body) == "header_too_long"


@pytest.mark.parametrize("event_id", ["evt.1", "evt 1", "evt\x001", "évt", "e" * 256, "e\n"])
def test_an_id_that_cannot_be_stored_or_is_ambiguous_when_signed_is_refused(event_id: str) -> None:
    body = encoded()
    assert refusal(signed(body, event_id=event_id), body) == "bad_event_id"


def test_the_longest_id_is_kept_whole() -> None:
    body = encoded()
    assert read(signed(body, event_id="e" * 255), body).event_id == "e" * 255


def test_bytes_that_are_no_text_are_refused() -> None:
    assert refusal(signed(b"{}"), b"\xff\xfe") == "bad_body"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"1", b"hello", b"{", b'{"type": "a", "type": "b", "data": {}}', b'{"type": NaN}'),
        *(b"[" * 100_000, b'{"type": "charge.succeeded"}', b'{"type": "charge.succeeded", "data": []}'),
        b'{"type": 5, "data": {}}',
    ],
    ids=range(12),
)
def test_a_signed_body_of_an_unknown_form_is_a_notice_without_a_type(body: bytes) -> None:
    assert read(signed(body), body) == EventNotice("evt_1")


def test_an_unknown_type_and_a_newer_version_are_told_as_they_are() -> None:
    body = encoded(type="payout.paid", apiVersion="2", data={"object": {"object": "payout", "id": "po_1"}})
    assert read(signed(body), body) == EventNotice("evt_1", type="payout.paid", created=1_800_000_000, api_version="2")


def test_texts_are_made_safe_and_cut_but_an_id_is_taken_whole_or_not_at_all() -> None:
    charge = charge_object(REQUEST, id="c" * 101, reference="p" * 35, idempotency_key="k" * 65)
    body = encoded(type="a\u0000\u202eb" + "c" * 200, apiVersion="9" * 40 + "x", data={"object": charge})
    notice = read(signed(body), body)
    assert notice.type == "ab" + "c" * 98
    assert notice.api_version == "[number removed]x"
    assert (notice.reference, notice.payment_id, notice.key) == ("", "", "")


@pytest.mark.parametrize("value", ["pay_1\x00", "pay 1", 5, None, True, ["pay_1"], {"a": 1}, "\ud800", "pay_١"])
def test_what_can_be_no_id_is_none(value: Any) -> None:
    charge = charge_object(REQUEST, id=value, reference=value, idempotency_key=value)
    body = encoded(data={"object": charge})
    notice = read(signed(body), body)
    assert (notice.type, notice.reference, notice.payment_id, notice.key) == ("charge.succeeded", "", "", "")


@pytest.mark.parametrize("value", [None, True, 1.5, "1800000000", -1, 10**12, 10**300])
def test_what_can_be_no_time_is_none(value: Any) -> None:
    body = encoded(created=value)
    assert read(signed(body), body).created is None
