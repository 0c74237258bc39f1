"""What comes when everything has long been settled: customers at their bank, refunds, and events that are sent late."""

import time
from collections.abc import Callable, Collection
from typing import Final

from tests.storm.stack import Stack
from tests.storm.weather import Weather, last_refund_faults

# Of each gateway, events that came before and come once more.
_AGAIN: Final = 100
# Seconds in which the web server must have taken all of them in.
_WITHIN: Final = 60.0
_LOOK_EVERY: Final = 0.3


def come_late(stack: Stack, weathers: Collection[Weather], others: Callable[[], None]) -> tuple[int, list[str]]:
    """Let customers approve what is open, and all events arrive that never did, some of the others again.

    others: what else comes late, such as clients who ask for refunds, of which the gateways will botch a few.
    Only the web server runs meanwhile, so that nothing is applied yet. Return how many customers there were, and the
    ids of events that were not taken in.
    """
    stack.start_web()
    others()
    customers = sum(weather.approve_what_is_open() for weather in weathers)
    for weather in weathers:
        weather.send_again(_AGAIN)
        weather.arm(last_refund_faults())
    until = time.monotonic() + _WITHIN
    while left := [event_id for weather in weathers for event_id in weather.on_their_way()]:
        if time.monotonic() > until:
            break
        time.sleep(_LOOK_EVERY)
    stack.stop()
    return customers, left
