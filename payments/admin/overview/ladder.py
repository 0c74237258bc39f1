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
    """level: `1`, `3` or `4–6`. colour: success, warning or danger. words: the gateway in use, and why this one."""

    level: str
    colour: str
    icon: str
    words: str


@dataclass(frozen=True, slots=True)
class LevelRow:
    """Payments of the last 24 hours of which this is the lowest level that they reached."""

    level: int
    name: str
    colour: str
    count: int
    url: str


def level_now(breakers: Sequence[Breaker]) -> LevelNow:
    """Say where new payments go, by the charge breakers of the gateways in the order of the settings."""
    names = [str(options["name"]) for options in settings.GATEWAYS]
    charges = {breaker.gateway: breaker for breaker in breakers if breaker.operation == Circuit.Operation.CHARGE}
    down = [name for name in names if charges[name].mode != Circuit.State.CLOSED]
    why = "; ".join(f"the breaker of {name}'s charges {charges[name].why}" for name in down)
    in_use = next((name for name in names if name not in down), None)
    if in_use is None:
        words = f"no gateway can charge: {why or 'the settings name none'}. Trusted customers' orders are accepted and "
        return LevelNow("4–6", "danger", "error", f"{words}charged later; others fail kindly.")
    routed = " Routing rules send some payments elsewhere first." if settings.ROUTES else ""
    if in_use != names[0]:
        return LevelNow("3", "warning", "alt_route", f"{in_use}: {why}.{routed}")
    if why:
        return LevelNow("1", "warning", "warning", f"{in_use}. To fall back on there is less: {why}.{routed}")
    return LevelNow("1", "success", "check_circle", f"{in_use}.{routed}")


def by_level(volume: Volume) -> list[LevelRow]:
    """Count the payments of the hours that `volume` shows, with one statement over an index of those below level 1."""
    rows = Payment.objects.filter(level__gt=ladder.FIRST, pk__gte=floor_id("pay", volume.hours[0][0]))
    counts = dict(rows.values_list("level").annotate(count=Count("pk")).order_by("level"))
    # Those of level 1 are nearly all payments: they have been counted already.
    counts[ladder.FIRST] = max(volume.day.total - sum(counts.values()), 0)
    return [LevelRow(level, name, COLOURS[level], counts.get(level, 0), _url(level)) for level, name in NAMES.items()]


def _url(level: int) -> str:
    return f"{reverse('admin:payments_payment_changelist')}?level={level}&created=24h"
