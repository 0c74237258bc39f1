"""The network rows of the fault catalogue about connections and replies: one journey each through the product.

Each goes through accept, claim, real HTTP and what follows, and says where the payment ended, whether the circuit
breaker counted, whether another gateway was asked, and how many charges both ledgers have. What only an adapter can see
(every byte of a cut reply, memory, TLS details) is proven in tests/payments/gateways and tests/sweep.
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.faults.checks import assert_found_out, assert_never_left
from tests.faults.journey import Journey
from tests.payments.gateways.raw import raw_server, silent

# The network rows of the catalogue of faults (N13, N16, N19 and N26 do not exist).
ROWS: Final = (
    *("N01", "N02", "N03", "N04", "N05", "N06", "N07", "N08", "N09", "N10", "N11", "N12", "N14", "N15", "N17", "N18"),
    *("N20", "N21", "N22", "N23", "N24", "N25", "N27", "N28", "N29", "N30", "N31", "N32"),
)


def test_every_network_row_has_its_test() -> None:
    files = Path(__file__).parent.glob("test_network_*.py")
    named = {row for file in files for row in re.findall(r"^def test_(n\d\d)_", file.read_text(), re.MULTILINE)}
    assert named == {row.lower() for row in ROWS}


def test_n01_a_name_that_does_not_resolve_goes_to_the_second_gateway(journey: Journey) -> None:
    journey.gateways.lead_to(primary="http://gateway.invalid")
    journey.pay()
    assert_never_left(journey, "dns")


def test_n02_a_refused_connection_goes_to_the_second_gateway(journey: Journey) -> None:
    journey.gateways.go_dead("primary")
    journey.pay()
    assert_never_left(journey, "refused")


def test_n03_a_dropped_syn_goes_to_the_second_gateway_within_two_seconds(journey: Journey) -> None:
    with deaf_address() as url:
        journey.gateways.lead_to(primary=url)
        began = time.monotonic()
        journey.pay()
        assert time.monotonic() - began >= 1
    assert_never_left(journey, "connect_timeout")


@contextmanager
def deaf_address() -> Iterator[str]:
    """Yield an address whose queue is full, so that the kernel drops every further SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for client in waiting:
            client.close()


@pytest.mark.parametrize("certificate", ["expired.pem", "other_host.pem", "good.pem"])
def test_n04_a_bad_certificate_goes_to_the_second_gateway(journey: Journey, certificate: str) -> None:
    """good.pem is signed by nobody whom this machine trusts."""
    with raw_server(silent, certificate) as server:
        journey.gateways.lead_to(primary=server.url)
        journey.pay()
    assert_never_left(journey, "tls")


def test_n05_a_read_timeout_after_nothing_was_done_is_sent_again_under_its_key(journey: Journey) -> None:
    journey.primary.arm("hang_without_executing", count=1)
    journey.pay()
    assert journey.is_unknown()
    assert journey.counted() == 1
    assert_found_out(journey, sends=2)
    keys = {request["idempotency_key"] for request in journey.primary.requests(reference=journey.payment)}
    assert keys == {f"{journey.payment}-a1"}


def test_n06_a_read_timeout_after_the_charge_was_made_is_found_and_never_charged_again(journey: Journey) -> None:
    journey.primary.arm("execute_then_hang", count=1)
    journey.pay()
    assert journey.is_unknown()
    assert (journey.counted(), journey.captured()) == (1, ["primary"])
    assert_found_out(journey, sends=1)


@pytest.mark.parametrize(("kind", "sends"), [("execute_then_reset", 1), ("reset_without_executing", 2)])
def test_n07_a_reset_after_the_request_is_settled_by_the_ledger(journey: Journey, kind: str, sends: int) -> None:
    journey.primary.arm(kind, count=1)
    journey.pay()
    assert journey.is_unknown()
    assert journey.counted() == 1
    assert_found_out(journey, sends=sends)


def test_n08_a_reply_cut_in_its_body_is_unknown_and_never_read_in_part(journey: Journey) -> None:
    """Every length is cut by tests/sweep; here one of each framing and end."""
    for framing, end in (("length", "close"), ("length", "reset"), ("close", "close"), ("close", "reset")):
        journey.primary.arm("cut_reply", count=1, params={"framing": framing, "end": end, "at_byte": 400})
        journey.pay()
        assert journey.is_unknown(), (framing, end)
        assert journey.counted() == 1
        assert_found_out(journey, sends=1)


def test_n09_a_chunked_reply_without_its_last_chunk_is_unknown(journey: Journey) -> None:
    # All but the five bytes of the last chunk, so that the document itself is whole.
    journey.primary.arm("cut_reply", count=1, params={"framing": "chunked", "at_byte": -5})
    journey.pay()
    assert journey.is_unknown()
    assert journey.counted() == 1
    assert_found_out(journey, sends=1)


@pytest.mark.parametrize("kind", ["html_200", "empty_200", "wrong_content_type", "redirect"])
def test_n10_a_200_that_is_no_answer_is_no_success(journey: Journey, kind: str) -> None:
    journey.primary.arm(kind, count=1)
    journey.pay()
    assert journey.is_unknown()
    assert journey.counted() == 1
    assert_found_out(journey, sends=1)


def test_n11_a_200_with_a_decline_in_its_body_is_a_decline(journey: Journey) -> None:
    error = {"type": "card_error", "code": "card_declined", "decline_code": "expired_card", "message": "No."}
    journey.primary.arm("status", count=1, params={"status": 200, "body": {"error": error}})
    journey.pay()
    assert (journey.row.status, journey.row.error_code, journey.row.level) == ("failed", "expired_card", 5)
    assert [state for _, state, _ in journey.attempts()] == ["declined"]
    assert (journey.counted(), journey.captured(), journey.sent_to("secondary")) == (0, [], 0)


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency", "wrong_reference", "wrong_mode"])
def test_n12_an_answer_about_another_charge_is_quarantined(journey: Journey, kind: str) -> None:
    journey.primary.arm(kind, count=1)
    journey.pay()
    assert journey.is_unknown()
    assert journey.tasks() == ["mismatch"]
    assert journey.counted() == 0
    assert_found_out(journey, sends=1)


def test_n12_a_charge_of_another_amount_is_no_success_and_is_told_to_operators(journey: Journey) -> None:
    journey.pay("tok_wrong_amount")
    for seconds in (7, 30, 300, 900, 3600):
        journey.later(seconds)
        assert journey.is_unknown()
    assert journey.tasks() == ["mismatch"]
    assert (journey.sent_to("primary"), journey.sent_to("secondary")) == (1, 0)


def test_n14_a_slow_drip_ends_at_the_deadline(journey: Journey) -> None:
    journey.primary.arm("drip", count=1, params={"interval_ms": 500})
    began = time.monotonic()
    journey.pay()
    assert time.monotonic() - began >= 2
    assert journey.is_unknown()
    assert journey.attempts() == [("primary", "unknown", "deadline")]
    assert journey.counted() == 1
    assert_found_out(journey, sends=1)


@pytest.mark.parametrize("kind", ["huge_body", "gzip_body"])
def test_n15_a_huge_or_packed_body_is_unknown(journey: Journey, kind: str) -> None:
    journey.primary.arm(kind, count=1)
    journey.pay()
    assert journey.is_unknown()
    assert journey.counted() == 1
    assert_found_out(journey, sends=1)
