"""What apps above this one add to the page of a payment: refunds, disputes.

An app registers one maker when its pages are imported. The maker is called once for each page that is shown, and must
read with a number of statements that does not depend on the payment's history.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User

from payments.admin.payment.event import Event
from payments.models import AuditEntry, Payment


@dataclass(frozen=True, slots=True)
class Panel:
    """A section of the page. template: gets `shows` as `panel`."""

    template: str
    shows: Any


@dataclass(frozen=True, slots=True)
class Offer:
    """An act with a page of its own at `url`. why_not: why it is not offered now, empty where it is."""

    label: str
    will: str
    url: str
    why_not: str = ""
    is_dangerous: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What one app adds. next_steps: sentences about what happens next. gateways: the gateway of each of its own rows
    that the audit trail tells of, by the row's id."""

    panels: list[Panel] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)
    gateways: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page is about: the payment with the newest entries of its trail, oldest first, who looks at it, and the
    database's time."""

    payment: Payment
    entries: list[AuditEntry]
    user: User
    now: datetime


Maker = Callable[[Seen], Part]

_makers: Final[dict[str, Maker]] = {}


def register(name: str, maker: Maker) -> None:
    """Let `maker` add its part to the page of every payment."""
    _makers[name] = maker


def parts_of(seen: Seen) -> list[Part]:
    return [maker(seen) for maker in _makers.values()]
