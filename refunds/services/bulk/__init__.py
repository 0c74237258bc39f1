"""Bulk refunds: a list of payments that is checked first, then refunded row by row (docs/bulk-refunds.md)."""
