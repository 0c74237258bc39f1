"""Which class speaks to which kind of gateway. No settings, no cache: the caller owns both."""

from typing import Final

from payments.gateways.base import Gateway
from payments.gateways.sandbox.adapter import SandboxGateway

KINDS: Final = {"sandbox": SandboxGateway}


def build(
    *,
    name: str,
    kind: str,
    url: str,
    origin: str,
    secret: str,
    connect_timeout: float,
    read_timeout: float,
    pool_size: int = 1024,
    webhook_secret: str = "",
) -> Gateway:
    """Return the adapter of one gateway; share it between threads. Raises ValueError for a kind that is not known.

    Timeouts in seconds. pool_size: connections kept alive, at least as many as threads call it at once.
    webhook_secret: of the gateway's events; several, separated by spaces, while it is being changed. Without one, every
    event is refused.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of gateway. Known kinds: {', '.join(sorted(KINDS))}.")
    return KINDS[kind](
        name=name,
        url=url,
        origin=origin,
        secret=secret,
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        pool_size=pool_size,
        webhook_secret=webhook_secret,
    )
