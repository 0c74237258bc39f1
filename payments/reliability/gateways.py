"""The gateways of this installation, built once per process from settings."""

from functools import cache

from django.conf import settings

from payments.gateways.base import Capabilities, Gateway
from payments.gateways.registry import build


@cache
def gateway_named(name: str) -> Gateway:
    """Return the gateway called `name`, with its kept-alive connections; raise LookupError if there is none."""
    for options in settings.GATEWAYS:
        if options["name"] == name:
            return build(
                name=options["name"],
                kind=options["kind"],
                url=options["url"],
                origin=options["origin"],
                secret=options["secret"],
                connect_timeout=settings.GATEWAY_CONNECT_TIMEOUT,
                read_timeout=settings.GATEWAY_READ_TIMEOUT,
                webhook_secret=options.get("webhook_secret", ""),
            )
    raise LookupError(f"No gateway is called {name!r}; settings.GATEWAYS lists them.")


def capabilities_of(name: str) -> Capabilities | None:
    """Return what gateway `name` documents about itself; None where it is no longer in the settings."""
    try:
        return gateway_named(name).capabilities
    except LookupError:
        return None
