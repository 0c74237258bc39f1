"""Asks gateways how they are where nothing else tells: idle ones, and those whose breaker is not closed (B9).

A dead secondary gateway is so known before it is needed. Health checks count for less than calls: a good one never
makes good what a real call found, and a bad one counts only while no real call says anything.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from payments.ids import floor_id
from payments.models import Attempt, Circuit, GatewayHealth
from payments.reliability import breaker, calls
from payments.reliability.breaker import Board, Pass, Report
from payments.reliability.circuit_rules import HEALTH_CHECK, Limits

Write = Callable[[], None]
Ask = Callable[[], Write]

CHARGE: Final = Circuit.Operation.CHARGE.value
# Between two checks of one gateway.
EVERY: Final = timedelta(seconds=10)
# A gateway that was sent nothing for so long is idle.
IDLE_AFTER: Final = timedelta(seconds=60)
# What a health check said longer ago than this says nothing about now.
FRESH: Final = timedelta(seconds=60)


def begin_checking() -> None:
    """Make sure that every gateway's health is looked after."""
    for options in settings.GATEWAYS:
        GatewayHealth.objects.get_or_create(gateway=options["name"], defaults={"due_at": database_now()})


def anything_due() -> bool:
    """Say cheaply, without any lock, whether a claim would find something."""
    return _due().exists()


def is_back(gateway: str) -> bool:
    """Say whether customers may be sent to `gateway` again: its breaker lets charges through, or would try one.

    The latter only where its last health check was good; trial calls are few, and this is asked before many mails.
    """
    circuit = Circuit.objects.filter(gateway=gateway, operation=CHARGE).first()
    if circuit is None or circuit.state == Circuit.State.CLOSED:
        return True
    now = database_now()
    if circuit.try_at is None or circuit.try_at > now:
        return False
    return GatewayHealth.objects.filter(pk=gateway, healthy=True, checked_at__gt=now - FRESH).exists()


def at_work() -> list[str]:
    """Return the names of all gateways, those first at which customers can type cards now, else in settings' order.

    A gateway whose breaker of charges is closed and whose health check is not bad comes first, then one whose health
    check is good although its breaker is not closed. Old health checks say nothing. Two queries.
    """
    not_closed = Circuit.objects.filter(operation=CHARGE).exclude(state=Circuit.State.CLOSED)
    broken = set(not_closed.values_list("gateway", flat=True))
    checked = GatewayHealth.objects.filter(checked_at__gt=Now() - FRESH)
    health = dict(checked.values_list("gateway", "healthy"))

    def rank(name: str) -> int:
        if name not in broken and health.get(name) is not False:
            return 0
        return 1 if health.get(name) else 2

    return sorted((options["name"] for options in settings.GATEWAYS), key=rank)


def claim(_because: Because) -> list[Ask]:
    """Claim the gateways whose check is due; return the calls to make, each of which returns what to write after it.

    A gateway whose real calls tell enough is not called.
    """
    with transaction.atomic():
        due = _due().order_by("pk")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, no_key=True)
        rows = list(due)
        if not rows:
            return []
        now = database_now()
        board = Board.read(now)
        asks: list[Ask] = []
        for row in rows:
            idle = _is_idle(row.gateway, now)
            is_needed = idle or row.healthy is False or not board.is_closed(row.gateway, CHARGE)
            row.due_at = now + (breaker.trial_lease() if is_needed else EVERY)
            row.save(update_fields=["due_at"])
            if is_needed:
                asks.append(partial(_ask, row, board.glance(row.gateway, CHARGE), idle=idle))
    return asks


def _due() -> "QuerySet[GatewayHealth]":
    # A gateway that is no longer in the settings cannot be asked.
    names = [options["name"] for options in settings.GATEWAYS]
    return GatewayHealth.objects.filter(due_at__lte=Now(), gateway__in=names)


def _is_idle(gateway: str, now: datetime) -> bool:
    since = now - IDLE_AFTER
    # By the primary key, whose beginning is its time, as there is no index on the time of sending.
    sent = Attempt.objects.filter(pk__gte=floor_id("att", since), sent_at__gte=since, gateway=gateway)
    return not sent.exists()


def _ask(row: GatewayHealth, seen: Pass, *, idle: bool) -> Write:
    return partial(heard, row, seen, idle=idle, healthy=calls.healthy(row.gateway))


def heard(row: GatewayHealth, seen: Pass, *, idle: bool, healthy: bool) -> None:
    """Write down what the health call said, and let the breaker of charges know where that is its business.

    row: as it was claimed; whoever claimed it anew meanwhile asks for itself. seen: the circuit at that time.
    """
    now = database_now()
    same = row.healthy is healthy
    in_a_row = row.in_a_row + 1 if same else 1
    written = GatewayHealth.objects.filter(pk=row.gateway, due_at=row.due_at).update(
        due_at=now + EVERY,
        checked_at=now,
        healthy=healthy,
        since=row.since if same else now,
        in_a_row=in_a_row,
    )
    if not written:
        return
    if idle:
        breaker.record([Report(seen, failed=not healthy, reason=HEALTH_CHECK, health=True)])
    if healthy and in_a_row >= Limits.from_settings().trials:
        _close_if_open(row.gateway)


def _close_if_open(gateway: str) -> None:
    """Close the circuit if only health checks opened it; asked without a lock first, as it is closed nearly always."""
    bad = Circuit.objects.filter(gateway=gateway, operation=CHARGE, failed_because=HEALTH_CHECK)
    if bad.exclude(state=Circuit.State.CLOSED).exists():
        breaker.close_by_health(gateway)
