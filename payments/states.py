"""The states of payments and attempts and every edge between them: the one table.

The django-fsm transitions of the models, the database triggers (payments/guards.py), the API schema and docs/states.md
are all made from or tested against the tables below (requirement A11).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import TextChoices


class PaymentStatus(TextChoices):
    PENDING = "pending", "Pending"
    PROCESSING = "processing", "Processing"
    REQUIRES_ACTION = "requires_action", "Requires action"
    RETRYING = "retrying", "Retrying"
    REVIEW = "review", "In review"
    SUCCESS = "success", "Success"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"
    CANCELED = "canceled", "Canceled"


class AttemptState(TextChoices):
    SENT = "sent", "Sent"
    SUCCEEDED = "succeeded", "Succeeded"
    DECLINED = "declined", "Declined"
    ACTION_REQUIRED = "action_required", "Action required"
    NOT_SENT = "not_sent", "Not sent"
    UNKNOWN = "unknown", "Unknown"
    REJECTED = "rejected", "Rejected"
    NOT_FOUND = "not_found", "Not found"
    UNRESOLVED = "unresolved", "Unresolved"
    VOIDED = "voided", "Voided"


class SurplusState(TextChoices):
    OWED = "owed", "To be given back"
    RETURNED = "returned", "Given back"
    REFUSED = "refused", "Gateway refuses to give it back"


@dataclass(frozen=True, slots=True)
class StateTable:
    """What one state column may hold: `births` for a new row, `edges` from a state to those that may follow."""

    births: frozenset[str]
    edges: Mapping[str, frozenset[str]]

    def allows(self, before: str, after: str) -> bool:
        return after in self.edges.get(before, frozenset())

    def sources(self, after: str) -> list[str]:
        """Return the states from which `after` may be reached, for a django-fsm `source=`."""
        return [before for before, targets in self.edges.items() if after in targets]

    def pairs(self) -> list[tuple[str, str]]:
        return sorted((before, after) for before, targets in self.edges.items() for after in targets)


def edges(**lines: str) -> dict[str, frozenset[str]]:
    """Return the edges of a StateTable: before="after after …"."""
    return {before: frozenset(after.split()) for before, after in lines.items()}


PAYMENT: Final = StateTable(
    births=frozenset({PaymentStatus.PENDING}),
    edges=edges(
        # Straight to retrying, review or failed where no gateway may be called.
        pending="processing retrying failed expired canceled",
        processing="success failed retrying requires_action review",
        requires_action="processing success retrying failed expired review",
        retrying="retrying processing success failed expired canceled review",
        review="success failed canceled processing",
        # Only on the gateway's proof that it charged after all (late success, C4).
        failed="success",
        expired="success",
        canceled="success",
        # Only on the gateway's proof that the money was taken back.
        success="review",
    ),
)

# An attempt is born as `sent`, committed before its first byte leaves: a crash right after it reads as "may have
# happened", which is the only honest thing to say.
ATTEMPT: Final = StateTable(
    births=frozenset({AttemptState.SENT}),
    edges=edges(
        sent="succeeded declined action_required not_sent unknown rejected",
        unknown="succeeded declined action_required not_found unresolved voided",
        action_required="succeeded declined unresolved voided",
        unresolved="succeeded declined not_found voided",
        # A late execution, after whatever was said before, is believed when the gateway proves it.
        not_found="succeeded",
        declined="succeeded",
        not_sent="succeeded",
        rejected="succeeded",
        succeeded="voided",
    ),
)

# A charge that no payment may keep (invariant 3): it is found, and given back.
SURPLUS: Final = StateTable(
    births=frozenset({SurplusState.OWED}),
    edges=edges(owed="returned refused", refused="returned"),
)

# At most one of these per order, for ever (a partial unique index holds it).
LIVE_OR_SUCCESSFUL: Final = (
    PaymentStatus.PENDING,
    PaymentStatus.PROCESSING,
    PaymentStatus.REQUIRES_ACTION,
    PaymentStatus.RETRYING,
    PaymentStatus.REVIEW,
    PaymentStatus.SUCCESS,
)
# At most one charge attempt of a payment may be in these: the index, not code, is the double-charge guard.
OPEN_OR_SUCCEEDED: Final = (
    AttemptState.SENT,
    AttemptState.UNKNOWN,
    AttemptState.ACTION_REQUIRED,
    AttemptState.UNRESOLVED,
    AttemptState.SUCCEEDED,
)
# Open attempts that nobody asks the gateway about at this very moment.
WAITING: Final = (AttemptState.UNKNOWN, AttemptState.ACTION_REQUIRED, AttemptState.UNRESOLVED)
# Something is still to be done for these by the machine, so they must be due at some time.
UNFINISHED: Final = (
    PaymentStatus.PENDING,
    PaymentStatus.PROCESSING,
    PaymentStatus.REQUIRES_ACTION,
    PaymentStatus.RETRYING,
)
# Money was captured, or had been until the gateway took it back: refunds of it may exist.
CAPTURED: Final = (PaymentStatus.SUCCESS, PaymentStatus.REVIEW)
# Nothing more happens to these by itself.
FINAL: Final = (PaymentStatus.SUCCESS, PaymentStatus.FAILED, PaymentStatus.EXPIRED, PaymentStatus.CANCELED)
