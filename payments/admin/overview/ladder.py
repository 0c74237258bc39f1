"""The level of the ladder on which new payments begin now, why, and how far payments went down (requirement B7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count
from django.urls import reverse

from payments.admin.breakers import Breaker
from payments.admin.levels import COLOURS, NAMES
from payments.admin.overview.volume import Volume
from payments.ids import floor_id
from payments.models import Circuit, Payment
from payments.reliability import ladder


@dataclass(frozen=True, slots=True)
class LevelNow:
    """level: `1`, `3` or `4–6`. colour: success, warning or danger. words: the gateway in use, and why this one.

    short: the same for the headline, where it is more than that the first gateway is in use.
    """

    level: str
    colour: str
    icon: str
    words: str
    short: str = ""


@dataclass(frozen=True, slots=True)
class LevelRow:
    """Payments of the last 24 hours of which this is the lowest level that they reached."""

    level: int
    name: str
    colour: str
    count: int
    url: str


def level_now(breakers: Sequence[Breaker]) -> LevelNow:
    """Say where new payments go, by the charge breakers of the gateways in the order of the settings.

    Where a breaker is not closed and yet lets calls leave, the next payments are its trial calls.
    """
    names = [str(options["name"]) for options in settings.GATEWAYS]
    found = {breaker.gateway: breaker for breaker in breakers if breaker.operation == Circuit.Operation.CHARGE}
    charges = [found[name] for name in names]
    first = next((breaker for breaker in charges if breaker.admits), None)
    if first is None:
        return _none(charges)
    level = "1" if first is charges[0] else "3"
    others = [breaker for breaker in charges if breaker is not first]
    if first.trials_left:
        return _tried_again(level, first, others)
    routed = " Routing rules send some payments elsewhere first." if settings.ROUTES else ""
    down = [breaker for breaker in others if breaker.mode != Circuit.State.CLOSED]
    why = "; ".join(_clause(breaker) for breaker in down)
    if level == "3":
        short = f"{_out(charges[0])}; payments go to {first.gateway}."
        return LevelNow(level, "warning", "alt_route", f"{first.gateway}: {why}.{routed}", short)
    if why:
        words = f"{first.gateway}. To fall back on there is less: {why}.{routed}"
        return LevelNow(level, "warning", "warning", words, f"To fall back on there is less: {_out(down[0])}.")
    return LevelNow(level, "success", "check_circle", f"{first.gateway}.{routed}")


def _none(charges: Sequence[Breaker]) -> LevelNow:
    why = "; ".join(_clause(breaker) for breaker in charges) or "the settings name none"
    words = (
        f"no gateway can charge: {why}. Trusted customers' orders are accepted and charged later; others fail kindly."
    )
    since = ", ".join(f"{breaker.gateway} {breaker.short}" for breaker in charges)
    short = f"No gateway can charge{f': {since}' if since else ''}. See Gateways and circuit breakers below."
    return LevelNow("4–6", "danger", "error", words, short)


def _tried_again(level: str, first: Breaker, others: Sequence[Breaker]) -> LevelNow:
    count = first.trials_left
    trials = "the next payment is its trial call" if count == 1 else f"the next {count} payments are its trial calls"
    short = f"{first.gateway} is being tried again: {trials}"
    then = next((breaker for breaker in others if breaker.admits and not breaker.trials_left), None)
    if then is not None:
        short = f"{short}; others go to {then.gateway}"
    down = (_clause(breaker) for breaker in others if breaker.mode != Circuit.State.CLOSED)
    why = "; ".join([f"The breaker of {first.gateway}'s charges {first.why}", *down])
    return LevelNow(level, "warning", "hourglass_top", f"{short}. {why}.", f"{short}.")


def _clause(breaker: Breaker) -> str:
    trials = ""
    if breaker.trials_left:
        trials = ", and it is being tried again"
    elif breaker.mode == Circuit.State.HALF_OPEN:
        trials = ", and its trial calls are under way"
    return f"the breaker of {breaker.gateway}'s charges {breaker.why}{trials}"


def _out(breaker: Breaker) -> str:
    if breaker.trials_left:
        return f"{breaker.gateway} is being tried again"
    return f"{breaker.gateway} takes no charges {breaker.short}"


def by_level(volume: Volume) -> list[LevelRow]:
    """Count the payments of the hours that `volume` shows, with one statement over an index of those below level 1."""
    rows = Payment.objects.filter(level__gt=ladder.FIRST, pk__gte=floor_id("pay", volume.hours[0][0]))
    counts = dict(rows.values_list("level").annotate(count=Count("pk")).order_by("level"))
    # Those of level 1 are nearly all payments: they have been counted already.
    counts[ladder.FIRST] = max(volume.day.total - sum(counts.values()), 0)
    return [LevelRow(level, name, COLOURS[level], counts.get(level, 0), _url(level)) for level, name in NAMES.items()]


def _url(level: int) -> str:
    return f"{reverse('admin:payments_payment_changelist')}?level={level}&created=24h"
