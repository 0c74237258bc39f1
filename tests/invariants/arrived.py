"""Whether what arrived at shops' endpoints is what they were told: signed, the same bytes each time, all of it."""

import base64
import hashlib
import hmac
from collections.abc import Iterator

from tests.invariants.evidence import Violation
from tests.invariants.rows import Received
from tests.invariants.world import World


def what_arrives_is_what_was_told(world: World) -> Iterator[Violation]:
    """Invariant 32 (S). Reads inboxes, events and endpoints: every body is its event's, signed by an endpoint's secret.

    The signature is worked out here from Standard Webhooks 1.0: HMAC-SHA256 over id, time and body.
    """
    bodies = {event.id: event.body for event in world.rows.events}
    secrets = [endpoint.secret for endpoint in world.rows.endpoints]
    for one in world.received:
        if bodies.get(one.id) != one.body:
            yield Violation(32, one.id, "arrived with another body than it has, or is no event of ours")
        if not any(_is_signed(one, secret) for secret in secrets):
            yield Violation(32, one.id, "arrived with a signature of nobody's")


def what_is_delivered_has_arrived(world: World) -> Iterator[Violation]:
    """Invariant 32 (L). Reads inboxes and deliveries, where there are inboxes."""
    if not world.received:
        return
    arrived = {one.id for one in world.received}
    for delivery in world.rows.deliveries:
        if delivery.state == "delivered" and delivery.event_id not in arrived:
            yield Violation(32, delivery.event_id, "is said to be delivered, and never arrived")


def _is_signed(one: Received, secret: str) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{one.id}.{one.timestamp}.{one.body}".encode(), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}" in one.signature.split(" ")
