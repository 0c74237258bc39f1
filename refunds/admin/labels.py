"""The colour of a refund's state, as payments/admin/labels.py has them."""

from typing import Final

from refunds.models import Complaint
from refunds.states import RefundAttemptState, RefundState

REFUND: Final[dict[str, str]] = {
    RefundState.REQUESTED: "info",
    RefundState.AWAITING_APPROVAL: "warning",
    RefundState.PROCESSING: "info",
    RefundState.UNKNOWN: "warning",
    RefundState.SUCCEEDED: "success",
    RefundState.FAILED: "danger",
    RefundState.REJECTED: "default",
}
ATTEMPT: Final[dict[str, str]] = {
    RefundAttemptState.SENT: "info",
    RefundAttemptState.SUCCEEDED: "success",
    RefundAttemptState.PENDING: "info",
    RefundAttemptState.DECLINED: "danger",
    RefundAttemptState.NOT_SENT: "default",
    RefundAttemptState.UNKNOWN: "warning",
    RefundAttemptState.REJECTED: "danger",
    RefundAttemptState.NOT_FOUND: "default",
    RefundAttemptState.UNRESOLVED: "warning",
    RefundAttemptState.BOUNCED: "danger",
}
DECISION: Final[dict[str, str]] = {
    Complaint.Decision.REFUNDED: "success",
    Complaint.Decision.REVIEW: "warning",
}
