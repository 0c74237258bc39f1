"""The first three levels of the ladder through the whole product, and the gap of the unknown (B7, B8)."""

import math
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from payments.declines import Decline, DeclineClass, rules
from payments.models import (
    Client,
)
from payments.services.settle import Settler
from payments.states import OPEN_OR_SUCCEEDED
from tests.payments.conftest import accepted, reload
from tests.payments.services.conftest import Gateways
from tests.payments.services.going_on import close_breakers, open_breaker, settle, told, tries
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


# Level 1.


def test_level_1_is_one_charge_at_the_first_gateway(shop: Client, gateways: Gateways, settler: Settler) -> None:
    payment = settle(settler, accepted(shop))
    assert (payment.status, payment.level, payment.level_reason, payment.retry_count) == ("success", 1, "", 0)
    assert gateways.captures(payment) == gateways.requests(payment) == (1, 0)
    [entry] = told(payment, "payment.processing")
    assert entry == {
        "reason": "",
        "status": "processing",
        "key": f"{payment.pk}-a1",
        "level": 1,
        "gateway": "primary",
    }


# Level 2.


@pytest.mark.parametrize(
    ("token", "code", "kind"),
    [
        ("tok_generic_decline", "generic_decline", "soft"),
        ("tok_do_not_honor", "do_not_honor", "soft"),
        ("tok_authentication_required_decline", "authentication_required", "authentication"),
    ],
)
def test_level_2_asks_the_bank_at_the_same_gateway(
    shop: Client, gateways: Gateways, settler: Settler, token: str, code: str, kind: str
) -> None:
    payment = settle(settler, accepted(shop, token=token))
    assert (payment.status, payment.level) == ("requires_action", 2)
    assert payment.level_reason == f"primary declined: {kind}; the bank is asked"
    assert gateways.captures(payment) == (0, 0)
    gateways.primary.call("POST", urlsplit(payment.action_url).path, data={"choice": "approve"})
    payment = settle(settler, payment)
    assert (payment.status, payment.level, payment.retry_count) == ("success", 2, 1)
    assert tries(payment) == [("primary", 1, "declined"), ("primary", 2, "succeeded")]
    assert (gateways.captures(payment), gateways.requests(payment)) == ((1, 0), (2, 0))
    assert told(payment, "payment.processing")[1] == {
        "reason": "",
        "status": "processing",
        "key": f"{payment.pk}-a2",
        "level": 2,
        "gateway": "primary",
        "why": f"primary declined: {kind}; the bank is asked",
        "proof": [{"attempt": 1, "gateway": "primary", "state": "declined", "reason": code}],
    }


@pytest.mark.parametrize(("choice", "code"), [("fail", "3ds_failed"), ("cancel", "customer_canceled"), ("decline", "")])
def test_a_bank_that_says_no_is_asked_once(
    shop: Client, gateways: Gateways, settler: Settler, choice: str, code: str
) -> None:
    payment = settle(settler, accepted(shop, token="tok_generic_decline"))
    gateways.primary.call("POST", urlsplit(payment.action_url).path, data={"choice": choice})
    payment = settle(settler, payment, turns=2)
    assert gateways.captures(payment) == (0, 0)
    assert gateways.requests(payment) == (2, 0)
    if code:
        assert (payment.status, payment.level, payment.error_code) == ("failed", 5, code)
    else:
        assert payment.status == "requires_action"


def test_while_the_bank_is_asked_nothing_else_is_tried(shop: Client, gateways: Gateways, settler: Settler) -> None:
    """A live challenge is an open attempt, however long it takes and whatever its gateway does meanwhile."""
    payment = settle(settler, accepted(shop, token="tok_generic_decline"))
    gateways.down("primary")
    for _ in range(4):
        advance(60)
        settler.drain()
    assert reload(payment).status == "requires_action"
    assert gateways.requests(payment) == (2, 0)


# Level 3.


def _refuses(gateways: Gateways) -> None:
    gateways.down("primary")


def _declines_softly(gateways: Gateways) -> None:
    gateways.primary.arm("decline", params={"code": "issuer_unavailable"})


def _fails_to_process(gateways: Gateways) -> None:
    gateways.primary.arm("decline", params={"code": "processing_error"})


def _asks_to_wait(gateways: Gateways) -> None:
    gateways.primary.arm("status", params={"status": 429, "headers": {"Retry-After": "600"}})


@pytest.mark.parametrize(
    ("trouble", "state", "reason", "why"),
    [
        (_refuses, "not_sent", "refused", "primary did not charge: refused"),
        (_declines_softly, "declined", "issuer_unavailable", "primary declined: soft"),
        (_fails_to_process, "declined", "processing_error", "primary declined: processing"),
        (_asks_to_wait, "not_sent", "rate_limited", "primary did not charge: rate_limited"),
    ],
)
def test_level_3_is_the_second_gateway_with_the_proof_written_down(
    shop: Client,
    gateways: Gateways,
    settler: Settler,
    trouble: Callable[[Gateways], None],
    state: str,
    reason: str,
    why: str,
) -> None:
    trouble(gateways)
    payment = settle(settler, accepted(shop))
    assert (payment.status, payment.level, payment.level_reason, payment.retry_count) == ("success", 3, why, 1)
    assert tries(payment) == [("primary", 1, state), ("secondary", 3, "succeeded")]
    assert gateways.captures(payment) == (0, 1)
    entry = told(payment, "payment.processing")[1]
    assert (entry["level"], entry["gateway"], entry["why"]) == (3, "secondary", why)
    assert entry["proof"] == [{"attempt": 1, "gateway": "primary", "state": state, "reason": reason}]
    assert told(payment, "payment.retrying") == [{"reason": why, "status": "retrying"}]


def test_level_3_without_a_call_where_the_breaker_of_the_first_is_open(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    open_breaker("primary")
    payment = settle(settler, accepted(shop))
    why = "the breaker of primary is open"
    assert (payment.status, payment.level, payment.level_reason, payment.retry_count) == ("success", 3, why, 0)
    assert (gateways.captures(payment), gateways.requests(payment)) == ((0, 1), (0, 1))
    [entry] = told(payment, "payment.processing")
    assert (entry["why"], entry["breakerOpen"], entry["proof"]) == (why, ["primary"], [])


def test_the_second_gateway_is_tried_at_once_after_a_refused_connection(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.down("primary")
    payment = accepted(shop)
    settler.drain()
    assert (reload(payment).status, gateways.captures(payment)) == ("success", (0, 1))


# The gap of unknown.

_RULE = Decline(DeclineClass.PROCESSING, "x", "Words.", retryable=True, needs_another_card=False, internal_message="")
_RULES = {
    ("", code): _RULE for code in ("", "unknown", "connection_lost", "no_answer", "closed", "reset", "read_timeout")
}


@pytest.mark.parametrize("map_", [{}, _RULES], ids=["default map", "rules for codes like unknown"])
def test_a_lost_answer_reaches_the_second_gateway_only_when_it_is_proven_absent(
    shop: Client, gateways: Gateways, settler: Settler, map_: dict[tuple[str, str], Decline]
) -> None:
    rules.hold(rules.Snapshot(map_, frozenset(), read_at=math.inf))
    gateways.primary.arm("close_without_executing")
    payment = accepted(shop)
    settler.drain()
    assert (reload(payment).status, reload(payment).outcome_unknown) == ("processing", True)
    passed = 0
    while payment.attempts.get(number=1).state in OPEN_OR_SUCCEEDED:
        assert gateways.requests(payment)[1] == 0
        assert passed < 7200
        advance(60)
        passed += 60
        settler.drain()
    settle(settler, payment)
    assert passed >= 600
    assert tries(payment) == [("primary", 1, "not_found"), ("secondary", 3, "succeeded")]
    assert gateways.captures(payment) == (0, 1)
    entry = told(payment, "payment.processing")[1]
    assert entry["proof"][0]["state"] == "not_found"


def test_a_lost_answer_of_a_charge_that_was_made_never_reaches_the_second_gateway(
    shop: Client, gateways: Gateways, settler: Settler
) -> None:
    gateways.primary.arm("execute_then_close", count=1)
    payment = accepted(shop)
    settler.drain()
    gateways.down("primary")
    for _ in range(10):
        advance(300)
        settler.drain()
    assert (reload(payment).status, reload(payment).outcome_unknown) == ("processing", True)
    assert gateways.requests(payment) == (1, 0)
    gateways.up()
    advance(3600)
    close_breakers()
    settler.drain()
    assert (reload(payment).status, reload(payment).level) == ("success", 1)
    assert gateways.captures(payment) == (1, 0)
