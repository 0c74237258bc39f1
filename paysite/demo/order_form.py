"""Makes the signed form that sends a customer to the checkout page: what any shop does on its own server.

Nothing here is special to the demo: the contract is docs/checkout-form.md.
"""

import hashlib
import json
import time

from payments.checkout.signing import sign
from payments.money import decimal_text
from paysite.demo.cart import Cart


def customer_number(email: str) -> str:
    """Return the number under which the shop knows its customer: the same for the same address."""
    return f"c-{hashlib.sha256(email.strip().lower().encode()).hexdigest()[:16]}"


def signed_fields(cart: Cart, *, reference: str, return_url: str, client: str, secret: str) -> dict[str, str]:
    """Return the hidden fields of the form, the signature among them."""
    fields = {
        "client": client,
        "orderID": reference,
        "amount": decimal_text(cart.total, cart.currency),
        "currency": cart.currency,
        "lines": json.dumps(
            [
                {
                    "name": line.product.name,
                    "quantity": line.quantity,
                    "amount": decimal_text(line.total, cart.currency),
                }
                for line in cart.lines
            ]
        ),
        "customerID": customer_number(cart.email),
        "customerEmail": cart.email,
        "customerName": cart.name,
        # What the customer did not say is left out: an empty field would be refused.
        **({"customerPhone": cart.phone} if cart.phone else {}),
        **({"customerLanguage": cart.language} if cart.language else {}),
        "returnURL": return_url,
        "timestamp": str(int(time.time())),
    }
    return {**fields, "signature": sign(fields, secret)}
