"""Payments in the console: the list, the page with its timeline, and what an operator may do."""

from payments.admin.payment.admin import PaymentAdmin

__all__ = ["PaymentAdmin"]
