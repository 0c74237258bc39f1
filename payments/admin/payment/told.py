"""What gateways told us of a payment, and what shop and customer were told, for its timeline (F3, G4, G7)."""

from datetime import datetime
from typing import Final

from payments.admin import labels
from payments.admin.formats import utc
from payments.admin.payment.event import Event, facts_of
from payments.models import CustomerMessage, Delivery, GatewayEvent
from payments.models import Event as ShopEvent

# After what is done at the same moment, which the timeline ranks from 0 on.
_FROM_GATEWAY, _TO_SHOP, _TO_CUSTOMER = 10, 11, 12
_GATEWAY_COLOURS: Final = {
    GatewayEvent.State.RECEIVED: "info",
    GatewayEvent.State.PARKED: "warning",
    GatewayEvent.State.GIVEN_UP: "danger",
}


def of_shop_event(event: ShopEvent, at: datetime) -> Event:
    """Return the event for the shop with the state of each delivery, which are loaded with their endpoints.

    at: its place on the timeline.
    """
    deliveries = list(event.deliveries.all())
    return Event(
        at=at,
        rank=_TO_SHOP,
        icon="campaign",
        title=f"Event no. {event.sequence} for the shop: {event.type}, {_sum_of(event, deliveries)}.",
        colour=_colour_of(deliveries),
        facts=facts_of([("Event", event.pk), *((row.endpoint.url, _words(row)) for row in deliveries)]),
    )


def _sum_of(event: ShopEvent, deliveries: list[Delivery]) -> str:
    if not deliveries:
        # Who wants it is looked up when it is published, a moment after the commit.
        return "not handed out yet" if event.position is None else "which no endpoint wants"
    delivered = sum(row.state == Delivery.State.DELIVERED for row in deliveries)
    return f"delivered to {delivered} of {len(deliveries)}"


def _colour_of(deliveries: list[Delivery]) -> str:
    states = {row.state for row in deliveries}
    worst = (Delivery.State.FAILED, Delivery.State.PENDING, Delivery.State.DELIVERED)
    return next((labels.DELIVERY[state] for state in worst if state in states), "default")


def _words(row: Delivery) -> str:
    at = f", {utc(row.delivered_at)}" if row.delivered_at else ""
    return f"{row.get_state_display()}{at}{f': {row.note}' if row.note else ''}"


def of_gateway_event(event: GatewayEvent) -> Event:
    """Return what a gateway told us by webhook: a claim, which is believed only after asking."""
    times = f", {event.times_received} times" if event.times_received > 1 else ""
    return Event(
        at=event.received_at,
        rank=_FROM_GATEWAY,
        icon="webhook",
        title=f"{event.gateway} told us by webhook: {event.type or 'something unreadable'}{times}.",
        colour=_GATEWAY_COLOURS.get(GatewayEvent.State(event.state), "default"),
        facts=facts_of(
            [
                ("What became of it", str(event.get_state_display())),
                ("Note", event.note),
                ("Applied", utc(event.applied_at) if event.applied_at else ""),
                ("Charge id at the gateway", event.reference),
                ("Event at the gateway", event.event_id),
                ("Happened, by its clock", utc(event.happened_at) if event.happened_at else ""),
            ]
        ),
    )


def of_message(message: CustomerMessage) -> Event:
    """Return an e-mail or SMS to the customer, as of when it was sent, or else written."""
    state = f"sent {utc(message.sent_at)}" if message.sent_at else "to be sent" if message.due_at else "not sent"
    return Event(
        at=message.written_at,
        rank=_TO_CUSTOMER,
        icon="sms" if message.channel == CustomerMessage.Channel.SMS else "mail",
        title=f"{message.get_channel_display()} to the customer: {message.get_kind_display()}, {state}.",
        colour="default" if message.sent_at else "info" if message.due_at else "warning",
        facts=facts_of([("To", message.address), ("Trouble", message.trouble)]),
    )
