"""A whole reply as the raw bytes of a connection, in each of the three ways in which HTTP says where a body ends."""

from typing import Final

from payments.gateways.sandbox.answers import Answer

FRAMINGS: Final = ("length", "chunked", "close")
_CHUNK: Final = 100


def head(status: int, *headers: str) -> bytes:
    """Return a status line and headers, as raw bytes."""
    return "\r\n".join([f"HTTP/1.1 {status} Sandbox", "Content-Type: application/json", *headers, "", ""]).encode()


def framed(answer: Answer, framing: str) -> bytes:
    """Return the whole reply (RFC 9112, section 6.3).

    framing: `length` says how many bytes come, `chunked` ends with an empty chunk, `close` with the connection.
    """
    headers = [f"{name}: {value}" for name, value in answer.headers.items()]
    if framing == "chunked":
        return head(answer.status, *headers, "Transfer-Encoding: chunked") + _chunks(answer.body)
    if framing == "close":
        return head(answer.status, *headers, "Connection: close") + answer.body
    return head(answer.status, *headers, f"Content-Length: {len(answer.body)}") + answer.body


def _chunks(body: bytes) -> bytes:
    pieces = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
