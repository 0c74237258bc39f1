"""The rows of refunds; each model in a file of its own."""

from refunds.models.attempt import RefundAttempt
from refunds.models.bulk import BulkRefund, BulkRefundRow
from refunds.models.complaint import Complaint, ProactiveSpend
from refunds.models.refund import Origin, Reason, Refund
from refunds.models.watch import RefundWatch

__all__ = [
    "BulkRefund",
    "BulkRefundRow",
    "Complaint",
    "Origin",
    "ProactiveSpend",
    "Reason",
    "Refund",
    "RefundAttempt",
    "RefundWatch",
]
