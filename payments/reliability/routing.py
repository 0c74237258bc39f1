"""Which gateways a payment may go to, the best first: rules of the settings by currency, amount and share of traffic.

The first rule that fits decides; without one, the order of settings.GATEWAYS. A gateway that does not take the
currency, or cannot read the card's token because it belongs to another vault, is left out.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from payments.models import Payment
from payments.reliability.gateways import capabilities_of

Rule = Mapping[str, Any]


def gateways_for(payment: Payment) -> tuple[str, ...]:
    """Return the names of the gateways for `payment`; always the same for the same payment and settings."""
    named = [str(options["name"]) for options in settings.GATEWAYS]
    rule = next((rule for rule in settings.ROUTES if _fits(rule, payment)), None)
    ordered = named if rule is None else [*_drawn(rule, payment.pk, named), *named]
    vault = _vault_of(named[0]) if named else None
    usable = (name for name in dict.fromkeys(ordered) if _takes(name, payment.currency, vault, named[0]))
    return tuple(usable)


def _fits(rule: Rule, payment: Payment) -> bool:
    return (
        payment.currency in rule.get("currencies", (payment.currency,))
        and rule.get("from", 0) <= payment.amount
        and payment.amount <= rule.get("to", payment.amount)
    )


def _drawn(rule: Rule, payment_id: str, named: Sequence[str]) -> list[str]:
    """Return the rule's gateways, the one first on which the payment's lot falls."""
    shares = {name: share for name, share in rule["shares"].items() if name in named}
    total = sum(shares.values())
    if not total:
        return []
    # Drawn from the id, so that each try and each process draws the same.
    lot = int.from_bytes(hashlib.sha256(payment_id.encode()).digest()[:8], "big") % total
    names = sorted(shares, key=lambda name: (-shares[name], name))
    for name in names:
        lot -= shares[name]
        if lot < 0:
            return [name, *(other for other in names if other != name)]
    return names


def _takes(name: str, currency: str, vault: str | None, first: str) -> bool:
    capabilities = capabilities_of(name)
    if capabilities is None or currency not in capabilities.currencies:
        return False
    # Cards are typed at the first gateway; without a common vault their tokens mean nothing to another.
    return name == first or (bool(vault) and capabilities.vault == vault)


def _vault_of(name: str) -> str | None:
    capabilities = capabilities_of(name)
    return None if capabilities is None else capabilities.vault
