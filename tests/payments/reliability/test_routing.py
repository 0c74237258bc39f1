"""Which gateways a payment may go to: rules by currency, amount and share of traffic (requirement B7)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from payments.ids import new_payment_id
from payments.models import Payment
from payments.reliability import gateways as gateways_module
from payments.reliability import routing
from payments.reliability.gateways import capabilities_of, gateway_named
from payments.reliability.routing import gateways_for

NAMES = ("primary", "secondary", "third")


@pytest.fixture(autouse=True)
def _three_gateways(settings: Any) -> Iterator[None]:
    url = "http://127.0.0.1:9"
    settings.GATEWAYS = [
        {"name": name, "kind": "sandbox", "url": url, "origin": url, "secret": "sk_sandbox_test"} for name in NAMES
    ]
    settings.ROUTES = []
    gateway_named.cache_clear()
    yield
    gateway_named.cache_clear()


def payment(amount: int = 1250, currency: str = "USD", pk: str = "pay_1") -> Payment:
    return Payment(id=pk, amount=amount, currency=currency)


def capable(monkeypatch: pytest.MonkeyPatch, **changes: dict[str, Any]) -> None:
    """Let the gateways named in `changes` differ from what the sandbox can do."""

    def found(name: str) -> Any:
        known = capabilities_of(name)
        return known if known is None else replace(known, **changes.get(name, {}))

    monkeypatch.setattr(routing, "capabilities_of", found)


def test_without_rules_the_order_of_the_settings_holds() -> None:
    assert gateways_for(payment()) == NAMES


@pytest.mark.parametrize(
    ("rule", "amount", "currency", "fits"),
    [
        ({"currencies": ["USD"]}, 1250, "USD", True),
        ({"currencies": ["EUR", "CHF"]}, 1250, "USD", False),
        ({"currencies": []}, 1250, "USD", False),
        ({"from": 1250}, 1250, "USD", True),
        ({"from": 1251}, 1250, "USD", False),
        ({"to": 1250}, 1250, "USD", True),
        ({"to": 1249}, 1250, "USD", False),
        ({"currencies": ["USD"], "from": 1000, "to": 2000}, 1250, "USD", True),
        ({"currencies": ["USD"], "from": 1000, "to": 2000}, 1250, "EUR", False),
        ({}, 1250, "USD", True),
    ],
)
def test_a_rule_fits_by_currency_and_amount(
    settings: Any, rule: dict[str, Any], amount: int, currency: str, fits: bool
) -> None:
    settings.ROUTES = [{**rule, "shares": {"third": 1}}]
    first = "third" if fits else "primary"
    assert gateways_for(payment(amount, currency))[0] == first


def test_the_first_rule_that_fits_decides(settings: Any) -> None:
    settings.ROUTES = [{"currencies": ["EUR"], "shares": {"third": 1}}, {"shares": {"secondary": 1}}]
    assert gateways_for(payment())[0] == "secondary"
    assert gateways_for(payment(currency="EUR"))[0] == "third"


def test_every_gateway_stays_a_way_out_after_those_of_the_rule(settings: Any) -> None:
    settings.ROUTES = [{"shares": {"third": 1}}]
    assert gateways_for(payment()) == ("third", "primary", "secondary")


def test_the_shares_are_kept_and_each_payment_keeps_its_gateway(settings: Any) -> None:
    settings.ROUTES = [{"shares": {"primary": 90, "secondary": 10}}]
    payments = [payment(pk=f"pay_{number:06}") for number in range(5000)]
    drawn = [gateways_for(each) for each in payments]
    assert drawn == [gateways_for(each) for each in payments]
    firsts = Counter(names[0] for names in drawn)
    assert set(firsts) == {"primary", "secondary"}
    assert 400 <= firsts["secondary"] <= 600
    assert {names[1] for names in drawn if names[0] == "secondary"} == {"primary"}


def test_the_ids_that_payments_really_have_are_spread(settings: Any) -> None:
    settings.ROUTES = [{"shares": {"primary": 1, "secondary": 1}}]
    firsts = Counter(gateways_for(payment(pk=new_payment_id()))[0] for _ in range(400))
    assert 130 <= firsts["secondary"] <= 270


def test_a_share_of_nothing_is_only_a_way_out(settings: Any) -> None:
    settings.ROUTES = [{"shares": {"secondary": 0, "third": 1}}]
    assert {gateways_for(payment(pk=f"pay_{number}")) for number in range(200)} == {("third", "secondary", "primary")}


@pytest.mark.parametrize("shares", [{"primary": 0, "secondary": 0}, {"nobody": 1}])
def test_shares_that_name_nobody_leave_the_order_as_it_is(settings: Any, shares: dict[str, int]) -> None:
    settings.ROUTES = [{"shares": shares}]
    assert gateways_for(payment()) == NAMES


def test_a_gateway_that_does_not_take_the_currency_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    capable(monkeypatch, primary={"currencies": frozenset({"EUR"})}, third={"currencies": frozenset({"USD"})})
    assert gateways_for(payment()) == ("secondary", "third")
    assert gateways_for(payment(currency="EUR")) == ("primary", "secondary")


def test_where_nobody_takes_the_currency_there_is_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    capable(monkeypatch, **{name: {"currencies": frozenset()} for name in NAMES})
    assert gateways_for(payment()) == ()


@pytest.mark.parametrize(
    ("vaults", "usable"),
    [
        (("", "", ""), ("primary",)),
        (("a", "a", "b"), ("primary", "secondary")),
        (("a", "b", "b"), ("primary",)),
        (("", "b", "b"), ("primary",)),
    ],
)
def test_only_gateways_of_the_first_ones_vault_can_read_its_tokens(
    monkeypatch: pytest.MonkeyPatch, settings: Any, vaults: tuple[str, ...], usable: tuple[str, ...]
) -> None:
    capable(monkeypatch, **{name: {"vault": vault} for name, vault in zip(NAMES, vaults, strict=True)})
    assert gateways_for(payment()) == usable
    # A rule cannot send a token where nobody can read it.
    settings.ROUTES = [{"shares": {"third": 1}}]
    assert set(gateways_for(payment())) == set(usable)


def test_without_gateways_there_is_none(settings: Any) -> None:
    settings.GATEWAYS = []
    gateways_module.gateway_named.cache_clear()
    assert gateways_for(payment()) == ()
