"""Where the customer types the card: always at the gateway's own origin, so that no card number reaches ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest

from payments.clock import database_now
from payments.models import Circuit, Order
from payments.reliability.breaker import Board
from payments.reliability.gateways import capabilities_of

# The same rule as the API's; a card number starts with a digit and is never one.
_TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{2,254}")
_BRAND: Final = re.compile(r"[A-Za-z][A-Za-z ]{1,19}")
_LAST4: Final = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True)
class CardEntry:
    """origin: of the gateway, whose messages alone are believed. fields_url: its field to embed. hosted_url: its own
    page for browsers without JavaScript, which sends the customer back with a token.
    """

    origin: str
    fields_url: str
    hosted_url: str


@dataclass(frozen=True, slots=True)
class Card:
    """What we may know of a card: the gateway's token, the brand and the last four digits."""

    token: str
    brand: str
    last4: str


def entry(request: HttpRequest, order: Order, return_path: str) -> CardEntry:
    """Return where the card is typed to pay `order`; the gateway's own page comes back to `return_path`."""
    origin = _at_work()["origin"]
    here = request.build_absolute_uri("/").rstrip("/")
    hosted = {"return_url": here + return_path, "amount": order.amount, "currency": order.currency}
    return CardEntry(
        origin=origin,
        fields_url=f"{origin}/fields?{urlencode({'origin': here})}",
        hosted_url=f"{origin}/card?{urlencode(hosted)}",
    )


def _at_work() -> Mapping[str, str]:
    """Return the first gateway whose charges are let through, for the pages of one that is down cannot be loaded.

    Only gateways whose tokens the first one understands, too. Where all are down, the first: its page may come.
    """
    first = settings.GATEWAYS[0]
    board = Board.read(database_now())
    for gateway in settings.GATEWAYS:
        if _has_same_vault(gateway["name"], first["name"]) and board.admits(gateway["name"], Circuit.Operation.CHARGE):
            return gateway
    return first


def _has_same_vault(name: str, first: str) -> bool:
    if name == first:
        return True
    one, other = capabilities_of(name), capabilities_of(first)
    return one is not None and other is not None and bool(one.vault) and one.vault == other.vault


def is_token(text: str) -> bool:
    """Say whether `text` can be a gateway's token; a card number cannot."""
    return _TOKEN.fullmatch(text) is not None


def card_from(query: Mapping[str, str]) -> Card | None:
    """Read the card with which the gateway's hosted page sent the customer back; None where it is not one."""
    token, brand, last4 = (query.get(name, "") for name in ("token", "brand", "last4"))
    if not is_token(token) or not _BRAND.fullmatch(brand) or not _LAST4.fullmatch(last4):
        return None
    return Card(token, brand, last4)
