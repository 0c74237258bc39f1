"""Tells the team that nobody approved a refund in time: the customer still waits for the money (requirement D6)."""

from payments.notices import Severity, tell
from refunds.models import Refund


def tell_team(refund: Refund) -> None:
    """Write the notice, in the caller's transaction; said once of each refund."""
    tell(
        "refund_lapsed",
        f"lapsed:{refund.pk}",
        f"Refund of {refund.money} lapsed",
        f"Asked for by {refund.requested_by}; nobody approved it in time, and nothing was sent. "
        "If the customer is to get the money, ask for it again.",
        Severity.WARNING,
        f"/admin/refunds/refund/{refund.pk}/change/",
    )
