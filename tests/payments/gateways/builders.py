"""The charge that the gateway tests ask for, and replies about it."""

import json
import time
import uuid
from dataclasses import replace
from typing import Any, Final

from payments.gateways.base import ChargeRequest, LookUpRequest, VoidRequest
from payments.gateways.sandbox.adapter import SandboxGateway

SECRET: Final = "sk_sandbox_test"


def gateway(url: str, **options: Any) -> SandboxGateway:
    """Return an adapter with short timeouts (seconds)."""
    settings = {"connect_timeout": 0.5, "read_timeout": 0.3, "secret": SECRET, "origin": url, **options}
    return SandboxGateway(name="primary", url=url, **settings)


def charge_request(*, deadline: float = 5.0, **changes: Any) -> ChargeRequest:
    """Return a request for 10.00 USD under a payment id and key of its own, over in `deadline` seconds from now."""
    payment_id = f"pay_{uuid.uuid4().hex}"
    request = ChargeRequest(
        key=f"{payment_id}-a1",
        payment_id=payment_id,
        amount=1000,
        currency="USD",
        token="tok_success",
        ends_at=time.monotonic() + deadline,
    )
    changed = replace(request, **changes)
    return changed if "key" in changes else replace(changed, key=f"{changed.payment_id}-a1")


def look_up_of(request: ChargeRequest, **changes: Any) -> LookUpRequest:
    """Return the question what became of `request`."""
    question = LookUpRequest(
        key=request.key,
        payment_id=request.payment_id,
        amount=request.amount,
        currency=request.currency,
        ends_at=request.ends_at,
    )
    return replace(question, **changes)


def void_of(request: ChargeRequest, reference: str) -> VoidRequest:
    """Return the wish to undo the charge `reference` made for `request`."""
    return VoidRequest(
        reference=reference,
        payment_id=request.payment_id,
        amount=request.amount,
        currency=request.currency,
        ends_at=request.ends_at,
    )


def charge_object(request: ChargeRequest, **changes: Any) -> dict[str, Any]:
    """Return the charge object of a gateway that did what was asked."""
    return {
        "id": "ch_1",
        "object": "charge",
        "status": "succeeded",
        "amount": request.amount,
        "currency": request.currency,
        "reference": request.payment_id,
        "livemode": False,
        "created": 1_800_000_000,
        "decline_code": None,
        "action_url": None,
        "network_advice": None,
        "card": {"brand": "visa", "last4": "4242", "fingerprint": "fp_1"},
        "metadata": {},
        "idempotency_key": request.key,
        **changes,
    }


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()
