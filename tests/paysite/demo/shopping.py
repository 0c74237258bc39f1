"""Pages of the demo shop, and the way from the cart to the order."""

import re

from django.test import Client as Browser


def text_of(visitor: Browser, path: str) -> str:
    reply = visitor.get(path)
    assert reply.status_code == 200
    return re.sub(r"\s+", " ", reply.content.decode())


def to_the_order(visitor: Browser, **details: str) -> dict[str, str]:
    """Go from the cart to the order page and return the fields of its form."""
    reply = visitor.post("/shop/details", {"name": "Anna", "email": "anna@shop.test", **details})
    assert (reply.status_code, reply.headers["Location"]) == (302, "/shop/order")
    fields: dict[str, str] = visitor.get("/shop/order").context["fields"]
    return fields
