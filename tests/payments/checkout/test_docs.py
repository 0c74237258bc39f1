"""The worked example of docs/checkout-form.md does what the page says."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from payments.checkout.forms import OPTIONAL, REQUIRED
from payments.models import Client, Order

PAGE = (Path(__file__).parents[3] / "docs" / "checkout-form.md").read_text()


@pytest.mark.django_db
def test_the_worked_example_opens_a_checkout(browser: Browser) -> None:
    secret = "the form secret from the console"
    Client.objects.create(slug="my-shop", name="My shop", form_secret=secret, return_origins=["https://shop.example"])
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example.group(1), names)  # noqa: S102 - the point is to run what readers copy

    reply = browser.post("/checkout/start", names["fields"])

    assert reply.status_code == 303
    order = Order.objects.get()
    assert (order.reference, order.amount, order.currency) == ("A-1001", 3250, "USD")


def test_the_table_lists_exactly_the_fields_of_the_form() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (required|optional) \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(
        [*((name, "required") for name in REQUIRED), *((name, "optional") for name in OPTIONAL)]
    )
