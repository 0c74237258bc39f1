"""Which refund or dispute a signed event claims to be about (requirement E1)."""

import json
from typing import Any, Final

import pytest

from payments.gateways.base import EventNotice
from payments.gateways.sandbox.notices import notice_of
from tests.payments.gateways.builders import charge_object, charge_request
from tests.payments.gateways.refund_builders import refund_object, refund_request

REQUEST: Final = charge_request(payment_id="pay_01jd3m0000000000000000000a")
REFUND: Final = refund_object(refund_request(key="rf_1"))
DISPUTE: Final = {"id": "dp_1", "object": "dispute", "charge": "ch_1", "status": "open"}


def notice(type_: str, **data: Any) -> EventNotice:
    body = {"type": type_, "created": 1, "apiVersion": "1", "data": {"object": charge_object(REQUEST), **data}}
    return notice_of("evt_1", json.dumps(body).encode())


def test_an_event_about_a_refund_names_it_its_key_and_the_charge() -> None:
    assert notice("refund.succeeded", refund=REFUND) == EventNotice(
        event_id="evt_1",
        type="refund.succeeded",
        reference="ch_1",
        key=REQUEST.key,
        payment_id=REQUEST.payment_id,
        created=1,
        api_version="1",
        about="re_1",
        about_key="rf_1",
    )


def test_a_refund_of_the_dashboard_has_no_key() -> None:
    told = notice("refund.succeeded", refund={**REFUND, "idempotency_key": None})
    assert (told.about, told.about_key) == ("re_1", "")


def test_an_event_about_a_dispute_names_it() -> None:
    told = notice("dispute.created", dispute=DISPUTE)
    assert (told.about, told.about_key, told.reference, told.payment_id) == ("dp_1", "", "ch_1", REQUEST.payment_id)


def test_an_event_about_the_charge_alone_names_neither() -> None:
    told = notice("charge.succeeded")
    assert (told.about, told.about_key, told.reference) == ("", "", "ch_1")


NO_REFUND: Final[tuple[Any, ...]] = (None, 7, [], "re_1", {}, DISPUTE, {"id": "re_1"})
NO_DISPUTE: Final[tuple[Any, ...]] = (None, 7, [], "dp_1", {}, REFUND, {"id": "dp_1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [*(("refund", value) for value in NO_REFUND), *(("dispute", value) for value in NO_DISPUTE)],
)
def test_what_is_no_refund_or_dispute_is_not_named(name: str, value: Any) -> None:
    told = notice("refund.failed", **{name: value})
    assert (told.about, told.about_key, told.reference) == ("", "", "ch_1")


@pytest.mark.parametrize("value", [None, 7, "", "x" * 101, "re 1", "re_1\\n", "ré"])
def test_an_id_that_cannot_be_one_is_left_out_whole(value: Any) -> None:
    told = notice("refund.failed", refund={**REFUND, "id": value})
    assert (told.about, told.about_key) == ("", "rf_1")


@pytest.mark.parametrize("value", [7, [], "", "x" * 65, "rf 1"])
def test_a_key_that_cannot_be_one_is_left_out_whole(value: Any) -> None:
    told = notice("refund.failed", refund={**REFUND, "idempotency_key": value})
    assert (told.about, told.about_key) == ("re_1", "")
