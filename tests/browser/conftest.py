"""One site and one Chromium for all browser tests; each test has a fresh profile that watches every request."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.customer import Customer
from tests.browser.site import Site, running_site
from tests.support.chromium import REASON, find_chromium

MakeCustomer = Callable[..., Customer]


# Scoped to this package, because Playwright keeps an event loop in this thread, beside which Django refuses queries.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip(REASON)
    arguments = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    if os.geteuid() == 0:
        # Chromium's sandbox does not work for root, as whom tests run in many containers.
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("site")
    with running_site(folder) as site:
        yield site


@pytest.fixture
def new_customer(site: Site, chromium: Browser) -> Iterator[MakeCustomer]:
    """Make customers with a browser profile each; whatever test they are in, none may send us a card number."""
    customers: list[Customer] = []

    def make(**profile: Any) -> Customer:
        context = chromium.new_context(base_url=site.url, **profile)
        context.set_default_timeout(10_000)
        customers.append(Customer(site, context))
        return customers[-1]

    yield make
    site.gateway.set_latency(0)
    site.gateways_work()
    for customer in customers:
        customer.leave()


@pytest.fixture
def customer(new_customer: MakeCustomer) -> Customer:
    return new_customer()
