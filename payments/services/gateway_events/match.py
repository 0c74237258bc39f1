"""Finds what of ours gateways' events are about: by our own key first, then by the gateway's id of the charge."""

from collections.abc import Iterable
from dataclasses import dataclass

from payments.models import Attempt, GatewayEvent, SurplusCharge

Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Match:
    """attempt: under whose key the charge was made. surplus: set where that charge is one that nobody may keep."""

    attempt: Attempt
    surplus: SurplusCharge | None = None


def find(events: Iterable[GatewayEvent]) -> dict[int, Match]:
    """Return what those events match that match anything, by the event's number. Three statements at most.

    Attempt and event must be of the same gateway: another gateway's word about a charge is worth nothing.
    """
    events = list(events)
    by_key = _attempts(events)
    others = [event for event in events if _key(event) not in by_key]
    by_reference = _by_reference(others)
    surplus = _surplus(events)
    found = {}
    for event in events:
        charge = surplus.get(_reference(event))
        attempt = by_key.get(_key(event)) or by_reference.get(_reference(event)) or (charge and charge.attempt)
        if attempt:
            found[event.pk] = Match(attempt, charge)
    return found


def _key(event: GatewayEvent) -> Named:
    return event.gateway, event.gateway_key


def _reference(event: GatewayEvent) -> Named:
    return event.gateway, event.reference


def _attempts(events: Iterable[GatewayEvent]) -> dict[Named, Attempt]:
    keys = {event.gateway_key for event in events} - {""}
    rows = Attempt.objects.filter(gateway_key__in=keys) if keys else ()
    return {(attempt.gateway, attempt.gateway_key): attempt for attempt in rows}


def _by_reference(events: Iterable[GatewayEvent]) -> dict[Named, Attempt]:
    references = {event.reference for event in events} - {""}
    rows = Attempt.objects.filter(gateway_reference__in=references).order_by("pk") if references else ()
    return {(attempt.gateway, attempt.gateway_reference): attempt for attempt in rows}


def _surplus(events: Iterable[GatewayEvent]) -> dict[Named, SurplusCharge]:
    references = {event.reference for event in events} - {""}
    if not references:
        return {}
    rows = SurplusCharge.objects.filter(gateway_reference__in=references).select_related("attempt")
    return {(charge.gateway, charge.gateway_reference): charge for charge in rows}
