"""Finds out before the start whether a port is free, since servers may share a port silently (SO_REUSEPORT)."""

import socket


class PortTakenError(Exception):
    """Somebody else listens on a port that this run needs."""


def demand_free(host: str, port: int, *, what: str, option: str) -> None:
    """Raise `PortTakenError`, with a sentence for the operator, unless `port` can be bound on `host`."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"Port {port} for the {what} cannot be used ({error.strerror}). "
                f"Stop the program that uses it, or choose another port with {option}."
            ) from None
