"""The tables of the sandbox gateway's ledger, for ledgers that are made by hand."""

from typing import Final

LEDGER: Final = """
CREATE TABLE charges (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, decline_code TEXT, action_url TEXT,
    brand TEXT NOT NULL, last4 TEXT NOT NULL, return_url TEXT NOT NULL, metadata TEXT NOT NULL,
    created_ms INTEGER NOT NULL, fingerprint TEXT NOT NULL DEFAULT '', network_advice TEXT
) STRICT;
CREATE TABLE requests (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT NOT NULL, reference TEXT NOT NULL, token TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE TABLE refunds (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT, charge_id TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, failure_code TEXT, reason TEXT NOT NULL,
    metadata TEXT NOT NULL, created_ms INTEGER NOT NULL, succeeds_ms INTEGER
) STRICT;
CREATE TABLE refund_requests (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT NOT NULL, reference TEXT NOT NULL,
    charge_id TEXT NOT NULL, digest TEXT NOT NULL
) STRICT;
CREATE TABLE disputes (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, charge_id TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    due_by INTEGER NOT NULL, created_ms INTEGER NOT NULL
) STRICT;
"""
