"""The states of disputes and every edge between them (requirement A11)."""

from typing import Final

from django.db.models import TextChoices

from payments.states import StateTable


class DisputeStatus(TextChoices):
    NEEDS_RESPONSE = "needs_response", "Needs a response"
    WON = "won", "Won"
    LOST = "lost", "Lost"
    CLOSED = "closed", "Closed"


DISPUTE: Final = StateTable(
    # One that we hear of only after its end is born as it ended.
    births=frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.WON, DisputeStatus.LOST}),
    edges={
        # Closed: the gateway says that there is no such dispute.
        DisputeStatus.NEEDS_RESPONSE: frozenset({DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.CLOSED}),
        # A later stage of the same dispute may open it again, or end it otherwise.
        DisputeStatus.WON: frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.LOST}),
        DisputeStatus.LOST: frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.WON}),
        DisputeStatus.CLOSED: frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.WON, DisputeStatus.LOST}),
    },
)
