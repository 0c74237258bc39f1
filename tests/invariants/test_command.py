"""The command line: what it prints and how it exits."""

import re

import pytest

from tests.invariants import Evidence, check
from tests.invariants.__main__ import main
from tests.invariants.made_up import MadeUp


def options(shop: MadeUp, *more: str) -> list[str]:
    gateways = [f"--gateway={name}={shop.ledger(name)}" for name in ("primary", "secondary")]
    histories = [f"--history={path}" for path in shop.histories]
    return ["--database", shop.database_url, *gateways, *histories, *more]


def test_healthy_evidence_exits_with_0(shop: MadeUp, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(shop, "--quiet")) == 0
    assert capsys.readouterr().out == "0 violations\n"


def test_each_violation_is_printed_and_exits_with_1(shop: MadeUp, capsys: pytest.CaptureFixture[str]) -> None:
    shop.at_gateway("primary", "DELETE FROM charges WHERE id = 'ch_paid_1'")
    shop.answer("key-new", 500, None)
    assert main(options(shop)) == 1
    assert capsys.readouterr().out.splitlines() == [
        "invariant 4: att_paid_1: succeeded, and primary has no charge 'ch_paid_1'",
        "invariant 42: key-new: was answered 500",
        "2 violations",
    ]


def test_what_is_under_way_is_only_wrong_when_quiet(shop: MadeUp) -> None:
    shop.accept("waiting")
    assert main(options(shop)) == 0
    assert main(options(shop, "--quiet")) == 1


def test_the_grace_for_extra_charges_can_be_set(shop: MadeUp) -> None:
    shop.charge("att_paid_1", suffix="b")
    assert main(options(shop, "--grace=3600")) == 0
    assert main(options(shop, "--grace=60")) == 1


def test_a_gateway_whose_ledger_is_missing_is_an_error(shop: MadeUp) -> None:
    evidence = Evidence(shop.database_url, {"primary": shop.ledger("primary")})
    with pytest.raises(ValueError, match=re.escape("There is no ledger of: secondary.")):
        check(evidence, quiet=True)


def test_a_database_of_another_kind_is_an_error(shop: MadeUp) -> None:
    with pytest.raises(ValueError, match="not mysql"):
        check(Evidence("mysql://localhost/shop", {}), quiet=True)
