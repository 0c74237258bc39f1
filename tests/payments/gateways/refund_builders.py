"""The refund that the gateway tests ask for, and replies about it."""

import time
import uuid
from dataclasses import dataclass, replace
from typing import Any

from payments.gateways.after_capture import RefundLookUpRequest, RefundRequest
from payments.gateways.base import ChargeRequest, Kind
from payments.gateways.sandbox.adapter import SandboxGateway
from tests.payments.gateways.builders import charge_request, gateway
from tests.sandbox import SandboxProcess


@dataclass(frozen=True)
class Charged:
    """A charge that succeeded, and its gateway. id: the gateway's of the charge."""

    sandbox: SandboxProcess
    adapter: SandboxGateway
    request: ChargeRequest
    id: str

    @property
    def payment_id(self) -> str:
        return self.request.payment_id

    def wish(self, amount: int = 300, *, deadline: float = 5.0, **changes: Any) -> RefundRequest:
        """Return the wish to give back `amount` minor units, under a key of its own."""
        return refund_request(charge=self.id, payment_id=self.payment_id, amount=amount, deadline=deadline, **changes)

    def refunds(self) -> list[dict[str, Any]]:
        """Return the refunds of this charge in the gateway's ledger, newest first."""
        return self.sandbox.refunds(reference=self.payment_id)

    def post(self, key: str, **changes: Any) -> Any:
        """POST /v1/refunds of 3.00 of this charge under `key`."""
        body = {"charge": self.id, "amount": 300, "currency": "USD", "reason": "customer_request", **changes}
        return self.sandbox.call("POST", "/v1/refunds", json=body, headers={"Idempotency-Key": key})


def charged(sandbox: SandboxProcess, **changes: Any) -> Charged:
    """Charge 10.00 USD, if not told otherwise."""
    request, adapter = charge_request(**changes), gateway(sandbox.url)
    outcome = adapter.charge(request)
    assert outcome.kind is Kind.SUCCEEDED
    return Charged(sandbox, adapter, request, outcome.reference)


def refund_request(*, deadline: float = 5.0, **changes: Any) -> RefundRequest:
    """Return a wish for 3.00 USD of 10.00 under a key of its own, over in `deadline` seconds from now."""
    request = RefundRequest(
        key=f"rf_{uuid.uuid4().hex[:26]}",
        charge="ch_1",
        payment_id=f"pay_{uuid.uuid4().hex[:26]}",
        amount=300,
        currency="USD",
        ends_at=time.monotonic() + deadline,
        reason="customer_request",
    )
    return replace(request, **changes)


def refund_look_up_of(request: RefundRequest, **changes: Any) -> RefundLookUpRequest:
    """Return the question what became of `request`."""
    question = RefundLookUpRequest(
        key=request.key,
        charge=request.charge,
        payment_id=request.payment_id,
        amount=request.amount,
        currency=request.currency,
        ends_at=request.ends_at,
    )
    return replace(question, **changes)


def refund_object(request: RefundRequest, **changes: Any) -> dict[str, Any]:
    """Return the refund object of a gateway that did what was asked."""
    return {
        "id": "re_1",
        "object": "refund",
        "status": "succeeded",
        "amount": request.amount,
        "currency": request.currency,
        "charge": request.charge,
        "reference": request.payment_id,
        "livemode": False,
        "created": 1_800_000_000,
        "failure_code": None,
        "reason": request.reason,
        "idempotency_key": request.key,
        **changes,
    }
