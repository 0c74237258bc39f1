"""The operator console's pages (requirement G4): one file per model. Importing this package registers them."""

from payments.admin import (
    api_key,
    attempt,
    audit_entry,
    client,
    idempotency_record,
    ledger_posting,
    operator_task,
    order,
    payment,
    recovery_run,
    surplus_charge,
    users,
)

__all__ = [
    "api_key",
    "attempt",
    "audit_entry",
    "client",
    "idempotency_record",
    "ledger_posting",
    "operator_task",
    "order",
    "payment",
    "recovery_run",
    "surplus_charge",
    "users",
]
