"""Whether every trigger that the code relies on stands in the database (payments/guards.py): start and readiness ask.

Without them the sums of refunds are nobody's: a refund beyond the capture would be taken (requirement D1).
"""

import time
from typing import Final

from django.db import connection

from disputes.guards import DISPUTE_GUARDS
from payments.guards import PAYMENT_GUARDS, Guard
from payments.standing import missing, of_tables
from refunds.guards import REFUND_GUARDS

EVERY: Final[tuple[Guard, ...]] = (*PAYMENT_GUARDS, *REFUND_GUARDS, *DISPUTE_GUARDS)
# Seconds for which a look that missed nothing holds.
_GOOD_FOR: Final = 30.0
REMEDY: Final = "Run manage.py migrate."


class GuardsMissingError(Exception):
    """The database lacks triggers; the message names them and says what to do."""


def missing_of_existing_tables() -> list[str]:
    """Return the triggers that do not stand, of the tables that exist: a new release's come with its migrations."""
    return missing(connection, of_tables(connection, EVERY))


def demand() -> None:
    """Raise GuardsMissingError unless every trigger stands: called when a settle loop starts."""
    if names := missing(connection, EVERY):
        raise GuardsMissingError(f"The database lacks the triggers {', '.join(names)}. {REMEDY}")


class Look:
    """Says whether every trigger stands, with one statement every `_GOOD_FOR` seconds at the most while all do."""

    def __init__(self) -> None:
        self._holds_until = 0.0

    def finds_all(self) -> bool:
        now = time.monotonic()
        if now >= self._holds_until and not missing(connection, EVERY):
            self._holds_until = now + _GOOD_FOR
        return now < self._holds_until
