"""What arrives at shops' endpoints wrongly or not at all is found: invariant 32."""

import base64
import hashlib
import hmac
import json

from tests.invariants.conftest import Broken
from tests.invariants.made_up import MadeUp

KEY = b"a secret of thirty-two bytes ...."
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


def deliver(shop: MadeUp, *, body: str = "", key: bytes = KEY) -> None:
    """Have the event of pay_paid's success delivered to an endpoint."""
    [(event, told)] = shop.sql("SELECT id, body FROM payments_event WHERE payment_id = 'pay_paid' AND sequence = 2")
    if not shop.sql("SELECT 1 FROM payments_webhookendpoint"):
        shop.endpoint(SECRET)
        shop.delivery(event)
    body = body or told
    digest = hmac.new(key, f"{event}.1700000000.{body}".encode(), hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    line = {"id": event, "timestamp": "1700000000", "signature": signature, "body": body}
    with shop.inbox.open("a") as file:
        file.write(json.dumps(line) + "\n")


def test_an_event_that_arrived_twice_with_the_same_bytes_breaks_nothing(shop: MadeUp, broken: Broken) -> None:
    deliver(shop)
    deliver(shop)
    assert broken() == set()


def test_an_event_that_arrived_with_other_bytes_breaks_invariant_32(shop: MadeUp, broken: Broken) -> None:
    deliver(shop)
    deliver(shop, body='{"id": "evt_paid_2"}')
    assert broken(quiet=False) == {32}


def test_an_event_that_somebody_else_signed_breaks_invariant_32(shop: MadeUp, broken: Broken) -> None:
    deliver(shop, key=b"another")
    assert broken(quiet=False) == {32}


def test_an_event_that_is_said_to_be_delivered_and_never_arrived_breaks_invariant_32(
    shop: MadeUp, broken: Broken
) -> None:
    deliver(shop)
    shop.delivery("evt_declined_1")
    assert broken(quiet=False) == set()
    assert broken() == {32}


def test_an_event_still_on_its_way_breaks_invariant_32_at_rest(shop: MadeUp, broken: Broken) -> None:
    deliver(shop)
    shop.sql("UPDATE payments_delivery SET state = 'pending'")
    assert broken(quiet=False) == set()
    assert broken() == {32}
