"""Asking for a refund: the form, its confirmation, and the request, which is made once (requirements D1, D2)."""

from refunds.admin.request.view import ask_for_refund

__all__ = ["ask_for_refund"]
