"""Complaints in the console: those that came, and the form for one (requirement D4)."""

from refunds.admin.complaint.admin import ComplaintAdmin

__all__ = ["ComplaintAdmin"]
