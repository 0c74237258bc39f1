"""A server in the gateway's place that lets a request through in part and resets both connections."""

import socket
import threading
from collections.abc import Sequence

from tests.payments.gateways.raw import Behaviour, receive, reset


def keeps(requests: list[bytes]) -> Behaviour:
    """Return a behaviour that reads a whole request into `requests`, passes nothing on, and resets."""

    def behave(client: socket.socket) -> None:
        requests.append(receive(client))
        reset(client)

    return behave


def cuts(port: int, after: Sequence[int]) -> Behaviour:
    """Return a behaviour that passes on to `port` the first `after[n]` bytes of its n-th request, and resets.

    After the whole request it is the gateway's own race whether the charge is made. Requests beyond the list are
    reset like the others, and nothing of them is passed on.
    """
    waiting, lock = iter(after), threading.Lock()

    def behave(client: socket.socket) -> None:
        request = receive(client)
        with lock:
            cut = next(waiting, 0)
        gateway = socket.create_connection(("127.0.0.1", port))
        gateway.sendall(request[:cut])
        reset(gateway)
        reset(client)

    return behave
