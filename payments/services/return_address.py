"""Where the bank sends a customer back to: an address that only the gateway and that customer know.

Customers tell payment ids to support, so an id alone opens nothing. The proof beside it is made of what nobody outside
knows and what never changes, so that every send of one attempt has the same payload.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

from payments.models import Payment

# Characters of the proof, six bits each: 132 bits cannot be guessed.
PROOF_LENGTH: Final = 22


def return_path(payment: Payment) -> str:
    """Return the path, below the public address of this site, to which the bank's page sends the customer back."""
    return f"/checkout/return/{payment.pk}/{_proof(payment)}"


def is_proven(payment: Payment, proof: str) -> bool:
    """Say whether `proof` belongs to `payment`, in a time that does not depend on how wrong it is."""
    return hmac.compare_digest(_proof(payment).encode(), proof.encode())


def _proof(payment: Payment) -> str:
    digest = hashlib.sha256(f"return:{payment.pk}{payment.request_hash}".encode()).digest()
    return urlsafe_b64encode(digest)[:PROOF_LENGTH].decode()
