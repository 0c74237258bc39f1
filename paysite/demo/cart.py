"""The demo shop's cart, kept in the visitor's session."""

import hashlib
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from payments.words import readable
from paysite.demo.catalogue import CURRENCIES, PRODUCTS, Product

MOST_OF_ONE: Final = 20
_KEY: Final = "demo-shop"
# Digits and letters that nobody mistakes for each other.
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class CartLine:
    product: Product
    quantity: int
    currency: str

    @property
    def total(self) -> int:
        """The line's price in minor units."""
        return self.quantity * self.product.price(self.currency)

    @property
    def total_text(self) -> str:
        return readable(self.total, self.currency)


class Cart:
    """Reads and changes what is kept in `session`; whatever else may be in there is not trusted to be right."""

    def __init__(self, session: MutableMapping[str, Any]) -> None:
        self._session = session
        kept = session.get(_KEY)
        self._kept: dict[str, Any] = kept if isinstance(kept, dict) else {}

    @property
    def currency(self) -> str:
        return str(self._kept.get("currency", CURRENCIES[0]))

    @property
    def lines(self) -> list[CartLine]:
        pieces: dict[str, int] = self._kept.get("pieces", {})
        return [CartLine(PRODUCTS[sku], count, self.currency) for sku, count in pieces.items() if sku in PRODUCTS]

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines)

    @property
    def total_text(self) -> str:
        return readable(self.total, self.currency)

    @property
    def name(self) -> str:
        return str(self._kept.get("name", ""))

    @property
    def email(self) -> str:
        return str(self._kept.get("email", ""))

    @property
    def phone(self) -> str:
        """Where an SMS goes, E.164; empty for none."""
        return str(self._kept.get("phone", ""))

    @property
    def language(self) -> str:
        """Of messages to the customer; empty where nobody chose one."""
        return str(self._kept.get("language", ""))

    def put(self, sku: str, quantity: int) -> None:
        """Have `quantity` pieces of a product in the cart; none removes it."""
        pieces = dict(self._kept.get("pieces", {}))
        pieces[sku] = max(0, min(quantity, MOST_OF_ONE))
        self._keep(pieces={name: count for name, count in pieces.items() if count})

    def add(self, sku: str) -> None:
        self.put(sku, self._kept.get("pieces", {}).get(sku, 0) + 1)

    def use_currency(self, currency: str) -> None:
        self._keep(currency=currency)

    def order(self, name: str, email: str, phone: str = "", language: str = "") -> None:
        """Note who buys, and give the cart as it is now an order number of its own."""
        self._keep(name=name, email=email, phone=phone, language=language)
        if self.reference is None:
            number = "".join(secrets.choice(_ALPHABET) for _ in range(8))
            self._keep(order={"reference": f"DS-{number}", "of": self._fingerprint()})

    @property
    def reference(self) -> str | None:
        """The order number of exactly this cart: a changed cart is another order, the same one never is (A7)."""
        order = self._kept.get("order")
        return str(order["reference"]) if order and order["of"] == self._fingerprint() else None

    def empty(self) -> None:
        self._keep(pieces={}, order=None)

    def _fingerprint(self) -> str:
        pieces = sorted((line.product.sku, line.quantity) for line in self.lines)
        customer = (self.name, self.email, self.phone, self.language)
        return hashlib.sha256(repr((self.currency, pieces, *customer)).encode()).hexdigest()

    def _keep(self, **changes: object) -> None:
        self._kept = {**self._kept, **changes}
        self._session[_KEY] = self._kept
