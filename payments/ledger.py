"""Turns movements of money into postings."""

from payments.models import Attempt, LedgerPosting

GATEWAY_BALANCE = "gateway_balance"
SALES = "sales"


def capture(attempt: Attempt) -> LedgerPosting:
    """Return the posting of a successful charge: the gateway owes us the money, and it is a sale."""
    return LedgerPosting(
        payment_id=attempt.payment_id,
        entity_id=attempt.pk,
        gateway=attempt.gateway,
        currency=attempt.currency,
        debit=GATEWAY_BALANCE,
        credit=SALES,
        amount=attempt.amount,
    )
