"""What gateways told us by webhook: stored when it comes, applied later by the settle loop (docs/webhooks-in.md)."""

from payments.services.gateway_events.again import apply_again
from payments.services.gateway_events.take import anything_due, claim

__all__ = ["anything_due", "apply_again", "claim"]
