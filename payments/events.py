"""Makes the events that shops are told; whoever makes one writes it in the transaction of the change it tells about.

The payload is the API's own representation at that moment (docs/events.md), written once: every delivery of an event
carries the same bytes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from payments import representation
from payments.ids import new_event_id
from payments.models import CheckoutSession, Event, Payment, SurplusCharge
from payments.representation import timestamp
from payments.states import PaymentStatus

OF_STATUS: Final[dict[str, str]] = {
    PaymentStatus.PROCESSING: "payment.processing",
    PaymentStatus.REQUIRES_ACTION: "payment.requires_action",
    PaymentStatus.RETRYING: "payment.retrying",
    PaymentStatus.REVIEW: "payment.review",
    PaymentStatus.SUCCESS: "payment.succeeded",
    PaymentStatus.FAILED: "payment.failed",
    PaymentStatus.EXPIRED: "payment.expired",
    PaymentStatus.CANCELED: "payment.canceled",
}
# Type → what happened. Refunds and disputes add their own (`register`).
TYPES: Final[dict[str, str]] = {
    "payment.processing": "A charge is about to be sent to a gateway.",
    "payment.outcome_unknown": "Nobody knows yet whether the customer was charged. Do not charge in another way.",
    "payment.requires_action": "The customer must confirm the payment with the bank.",
    "payment.retrying": "Nothing was charged; it is tried again by itself. See acceptedForLater and nextTryAt.",
    "payment.review": "A person looks at the payment.",
    "payment.succeeded": "The money was captured. Deliver on this event only.",
    "payment.failed": "Definitively not charged, and not tried again by itself.",
    "payment.expired": "Never paid; the time is over.",
    "payment.canceled": "Called off before anything was charged.",
    "surplus.found": "A gateway took money without right: a second charge, or one after the payment had ended.",
    "surplus.returned": "That money was given back.",
    "surplus.refused": "The gateway does not give it back by itself; people see to it.",
    "checkout.created": "A customer came to the checkout page.",
    "checkout.completed": "The order of a checkout is paid.",
    "checkout.expired": "The checkout page's time is over, and its order is not paid.",
    "endpoint.test": "Somebody pressed the test button of an endpoint.",
}


def register(types: Mapping[str, str]) -> None:
    """Add event types with what they mean; called once, when the application starts."""
    TYPES.update(types)


def of_payment(payment: Payment, type_: str, now: datetime, **more: Any) -> Event:
    """Return the next event about the locked `payment`, whose order is loaded.

    Counts it in `payment.events_written`, which the caller must write, too. `more` joins the payment in the data.
    """
    payment.events_written += 1
    data = {**representation.payment(payment), **more}
    return _event(payment.client_id, type_, now, data, payment_id=payment.pk, sequence=payment.events_written)


def of_transition(payment: Payment, now: datetime) -> Event:
    """Return the event that tells the status that the locked `payment` has just reached."""
    return of_payment(payment, OF_STATUS[payment.status], now)


def of_lost_track(payment: Payment, now: datetime) -> Event:
    """Return the event that nobody knows at this moment whether the locked `payment` was charged."""
    return of_payment(payment, "payment.outcome_unknown", now)


def of_surplus(payment: Payment, surplus: SurplusCharge, type_: str, now: datetime) -> Event:
    """Return the event that tells what became of `surplus`, a charge for the locked `payment` made without right."""
    return of_payment(payment, type_, now, surplusCharge=representation.surplus_charge(surplus))


def of_checkout(session: CheckoutSession, type_: str, now: datetime, payment_id: str = "") -> Event:
    """Return an event about a checkout, whose order is loaded. Its token is the customer's secret and not told."""
    status = type_.removeprefix("checkout.")
    data = representation.checkout(session, status="open" if status == "created" else status, payment_id=payment_id)
    return _event(session.client_id, type_, now, data)


def test_of_endpoint(client_id: int, endpoint_id: str, now: datetime) -> Event:
    """Return the event of an endpoint's test button."""
    return _event(client_id, "endpoint.test", now, {"endpointID": endpoint_id})


def _event(
    client_id: int, type_: str, now: datetime, data: Mapping[str, Any], *, payment_id: str = "", sequence: int = 0
) -> Event:
    event_id = new_event_id()
    body = {"id": event_id, "type": type_, "timestamp": timestamp(now), "sequence": sequence, "data": data}
    return Event(
        id=event_id,
        client_id=client_id,
        payment_id=payment_id,
        sequence=sequence,
        type=type_,
        body=orjson.dumps(body).decode(),
        happened_at=now,
    )
