"""Refunds in the console: the list, the page with its timeline, and what people may do about one."""

from refunds.admin.refund.admin import RefundAdmin

__all__ = ["RefundAdmin"]
