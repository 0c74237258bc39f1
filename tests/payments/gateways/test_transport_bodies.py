"""A reply whose body is cut anywhere, in any framing, is unknown, over real sockets (requirement B2)."""

import socket
import time

from payments.gateways.base import Kind
from tests.payments.gateways.broken_calls import outcome_of, unknown
from tests.payments.gateways.builders import charge_object, charge_request, encoded, gateway
from tests.payments.gateways.raw import head, raw_server, receive, reset, says, whole


def test_a_read_timeout_inside_the_body_is_unknown() -> None:
    assert unknown("read_timeout", outcome_of(says(head("Content-Length: 100") + b"{", pause=0.6)))


def test_a_body_shorter_than_its_content_length_is_unknown() -> None:
    assert unknown("cut_body", outcome_of(says(head("Content-Length: 100") + b'{"id": "ch_1"}')))


def test_a_chunked_body_without_its_last_chunk_is_unknown() -> None:
    request = charge_request()
    body = encoded(charge_object(request))
    reply = head("Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body)
    assert unknown("cut_body", outcome_of(says(reply)))


def test_a_chunk_size_that_is_no_number_is_unknown() -> None:
    assert unknown("cut_body", outcome_of(says(head("Transfer-Encoding: chunked") + b"wat\r\n{}\r\n0\r\n\r\n")))


def test_a_chunk_size_line_that_never_ends_is_unknown() -> None:
    assert unknown("garbage_reply", outcome_of(says(head("Transfer-Encoding: chunked") + b"1" * 300_000)))


def test_a_reset_inside_the_body_is_unknown() -> None:
    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(head("Content-Length: 100") + b"{")
        time.sleep(0.1)
        reset(connection)

    assert unknown("reset", outcome_of(behave))


def test_every_way_to_cut_a_body_with_a_length_is_unknown() -> None:
    request = charge_request()
    body = encoded(charge_object(request))
    cuts = iter(range(len(body)))

    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(whole(body)[: len(whole(body)) - len(body) + next(cuts)])

    with raw_server(behave) as server:
        adapter = gateway(server.url)
        outcomes = {(outcome := adapter.charge(request)).kind for _ in body}
        assert outcome.kind is Kind.UNKNOWN
    assert outcomes == {Kind.UNKNOWN}


def test_every_way_to_cut_a_body_without_a_length_is_unknown() -> None:
    request = charge_request()
    body = encoded(charge_object(request))
    start = head("Connection: close")
    cuts = iter(range(len(body)))

    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(start + body[: next(cuts)])

    with raw_server(behave) as server:
        adapter = gateway(server.url)
        kinds = {adapter.charge(request).kind for _ in body}
    assert kinds == {Kind.UNKNOWN}


def test_a_cut_body_without_a_length_that_is_still_valid_json_is_unknown() -> None:
    # A gateway that writes the charge's id last: what is left of it is JSON, and about the right payment.
    part = {name: value for name, value in charge_object(charge_request()).items() if name != "id"}
    outcome = outcome_of(says(head("Connection: close") + encoded(part)))
    assert unknown("schema", outcome)


def test_a_whole_body_without_a_length_is_believed_when_schema_and_reference_match() -> None:
    request = charge_request()
    with raw_server(says(head("Connection: close") + encoded(charge_object(request)))) as server:
        outcome = gateway(server.url).charge(request)
    assert (outcome.kind, outcome.reference) == (Kind.SUCCEEDED, "ch_1")


def test_two_content_lengths_that_disagree_are_unknown() -> None:
    body = encoded(charge_object(charge_request()))
    outcome = outcome_of(says(head("Content-Length: 5", f"Content-Length: {len(body)}") + body))
    assert outcome.kind is Kind.UNKNOWN
