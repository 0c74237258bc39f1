"""What the demo shop sells, with prices in minor units of currencies with two, no and three decimals."""

from dataclasses import dataclass
from typing import Final

from payments.words import readable

CURRENCIES: Final = ("USD", "JPY", "KWD")


@dataclass(frozen=True, slots=True)
class Product:
    sku: str
    name: str
    text: str
    usd: int
    jpy: int
    kwd: int

    def price(self, currency: str) -> int:
        """Return the price in minor units of `currency`."""
        return {"USD": self.usd, "JPY": self.jpy, "KWD": self.kwd}[currency]

    def price_text(self, currency: str) -> str:
        return readable(self.price(currency), currency)


PRODUCTS: Final = {
    product.sku: product
    for product in (
        Product("mug", "Stoneware mug", "Holds 300 ml of anything warm.", 1800, 2800, 5500),
        Product("notebook", "Dotted notebook", "160 pages that lie flat.", 1250, 1900, 3850),
        Product("tea", "Jasmine tea, 100 g", "Spring harvest, whole leaves.", 975, 1500, 3000),
        Product("lamp", "Reading lamp", "Warm light, steady arm.", 6400, 9800, 19750),
        Product("fern", "Little fern", "Asks for shade and some water.", 2200, 3400, 6750),
        Product("print", "Art print, A3", "Hills at dusk, on heavy paper.", 3500, 5400, 10800),
    )
}
