"""Where the customer types the card: always at the gateway's own origin, so that no card number reaches ours."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, QueryDict

from payments.models import Order
from payments.reliability.gateways import capabilities_of
from payments.services.health import at_work

# The parameter of the page's address that names gateways whose pages did not come.
AVOID: Final = "avoid"
# The same rule as the API's; a card number starts with a digit and is never one.
_TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{2,254}")
_BRAND: Final = re.compile(r"[A-Za-z][A-Za-z ]{1,19}")
_LAST4: Final = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True)
class CardEntry:
    """origin: of the gateway, whose messages alone are believed. fields_url: its field to embed. hosted_url: its own
    page for browsers without JavaScript, which sends the customer back with a token. other_query, other_hosted_url:
    what asks our page for another gateway's field, and that one's own page; empty where there is none left.
    """

    origin: str
    fields_url: str
    hosted_url: str
    other_query: str = ""
    other_hosted_url: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What we may know of a card: the gateway's token, the brand and the last four digits."""

    token: str
    brand: str
    last4: str


def entry(request: HttpRequest, order: Order, return_path: str, avoided: Collection[str] = ()) -> CardEntry:
    """Return where the card is typed to pay `order`; the gateway's own page comes back to `return_path`.

    avoided: the names of gateways whose pages did not come to this customer.
    """
    here = request.build_absolute_uri("/").rstrip("/")
    query = urlencode({"return_url": here + return_path, "amount": order.amount, "currency": order.currency})
    chosen, *others = _in_order(avoided)
    at = CardEntry(
        origin=chosen["origin"],
        fields_url=f"{chosen['origin']}/fields?{urlencode({'origin': here})}",
        hosted_url=f"{chosen['origin']}/card?{query}",
    )
    if not others:
        return at
    return replace(
        at,
        other_query=urlencode({AVOID: [*avoided, chosen["name"]]}, doseq=True),
        other_hosted_url=f"{others[0]['origin']}/card?{query}",
    )


def avoided_by(query: QueryDict) -> list[str]:
    """Return the gateways that the page's address asks to avoid; only names of this installation's are believed."""
    names = {gateway["name"] for gateway in settings.GATEWAYS}
    return [name for name in dict.fromkeys(query.getlist(AVOID)) if name in names]


def _in_order(avoided: Collection[str]) -> list[dict[str, str]]:
    """Return the gateways that can take the card, best first; never none.

    Only gateways whose tokens the first in the settings understands, too: it may be the one that charges them.
    """
    first = settings.GATEWAYS[0]["name"]
    by_name = {gateway["name"]: gateway for gateway in settings.GATEWAYS}
    usable = [by_name[name] for name in at_work() if _has_same_vault(name, first)]
    return [gateway for gateway in usable if gateway["name"] not in avoided] or usable[:1]


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
