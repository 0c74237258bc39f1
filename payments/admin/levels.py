"""The levels of the ladder of fallbacks in words (requirement B7)."""

from collections.abc import Mapping
from typing import Final

from payments.reliability import ladder

NAMES: Final[Mapping[int, str]] = {
    ladder.FIRST: "first gateway",
    ladder.AUTHENTICATED: "again, with 3-D Secure",
    ladder.ANOTHER_GATEWAY: "another gateway",
    ladder.LATER: "accepted, charged later",
    ladder.ANOTHER_WAY: "another way to pay suggested",
    ladder.KINDLY: "failed kindly, cart kept",
}
# Colours of payments/admin/labels.py: as far as level 3 the customer notices little.
COLOURS: Final[Mapping[int, str]] = {
    ladder.FIRST: "success",
    ladder.AUTHENTICATED: "info",
    ladder.ANOTHER_GATEWAY: "info",
    ladder.LATER: "warning",
    ladder.ANOTHER_WAY: "danger",
    ladder.KINDLY: "danger",
}


def of_level(level: int) -> str:
    """Return a level as `3 another gateway`; a number that the ladder does not have stays a number."""
    return f"{level} {NAMES[level]}" if level in NAMES else str(level)
