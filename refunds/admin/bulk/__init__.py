"""Bulk refunds in the console (docs/bulk-refunds.md). Importing this package registers all of it."""

from payments.admin import mentions
from payments.admin.overview import queues
from refunds.admin.bulk import admin, of_payments
from refunds.admin.bulk.queue import TO_APPROVE

__all__ = ["admin", "of_payments"]

queues.register(TO_APPROVE)
mentions.register("blk", "Bulk refund", "admin:refunds_bulkrefund_change")
