"""What comes when everything has long been settled: customers at their bank, and events that gateways send late."""

import time
from collections.abc import Iterable
from typing import Final

from tests.storm.stack import Stack
from tests.storm.weather import Weather

# Of each gateway, events that came before and come once more.
_AGAIN: Final = 100
# Seconds in which the web server must have taken all of them in.
_WITHIN: Final = 60.0
_LOOK_EVERY: Final = 0.3


def come_late(stack: Stack, weathers: Iterable[Weather]) -> tuple[int, list[str]]:
    """Let customers approve what is open, and all events arrive that never did, some of the others again.

    Only the web server runs meanwhile, so that nothing is applied yet. Return how many customers there were, and the
    ids of events that were not taken in.
    """
    stack.start_web()
    customers = sum(weather.approve_what_is_open() for weather in weathers)
    for weather in weathers:
        weather.send_again(_AGAIN)
    until = time.monotonic() + _WITHIN
    while left := [event_id for weather in weathers for event_id in weather.on_their_way()]:
        if time.monotonic() > until:
            break
        time.sleep(_LOOK_EVERY)
    stack.stop()
    return customers, left
