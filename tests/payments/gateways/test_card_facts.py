"""What a reply says about the card, and what the card's network advises (requirements B4, B8)."""

from typing import Any

import pytest

from payments.gateways.base import Kind
from tests.payments.gateways.reading import URL, charge, error, read


@pytest.mark.parametrize(
    ("card", "brand", "fingerprint"),
    [
        ({"brand": "visa", "fingerprint": "A-z_9" * 12 + "1234"}, "visa", "A-z_9" * 12 + "1234"),
        ({"brand": "visa"}, "visa", ""),
        ({"fingerprint": "fp_1"}, "", "fp_1"),
        ({"brand": "V!", "fingerprint": "x" * 65}, "", ""),
        ({"brand": "", "fingerprint": ""}, "", ""),
        ({"brand": None, "fingerprint": 7}, "", ""),
        ({"brand": "visa\n", "fingerprint": "fp 1"}, "", ""),
        ({}, "", ""),
        ([], "", ""),
        ("visa", "", ""),
        (None, "", ""),
    ],
)
def test_facts_about_the_card_are_read_strictly_and_are_never_needed(
    card: object, brand: str, fingerprint: str
) -> None:
    taken = read(200, charge(card=card))
    assert (taken.kind, taken.card_brand, taken.card_fingerprint) == (Kind.SUCCEEDED, brand, fingerprint)
    declined = charge(card=card, status="declined", decline_code="velocity")
    refused = read(402, error("card_declined", decline_code="velocity", charge=declined))
    assert (refused.kind, refused.card_brand, refused.card_fingerprint) == (Kind.DECLINED, brand, fingerprint)


@pytest.mark.parametrize("status", ["requires_action", "canceled", "pending", "sideways"])
def test_whatever_became_of_the_charge_its_card_is_told(status: str) -> None:
    outcome = read(200, charge(status=status, action_url=f"{URL}/3ds/ch_1"))
    assert (outcome.card_brand, outcome.card_fingerprint) == ("visa", "fp_1")


def test_a_charge_that_does_not_speak_of_its_card_is_whole() -> None:
    document = charge()
    del document["card"]
    assert read(200, document).kind is Kind.SUCCEEDED


@pytest.mark.parametrize("changes", [{"amount": 7}, {"reference": "pay_other"}, {"livemode": True}])
def test_the_card_of_another_charge_is_not_ours(changes: dict[str, Any]) -> None:
    outcome = read(200, charge(**changes))
    assert (outcome.kind, outcome.card_brand, outcome.card_fingerprint) == (Kind.UNKNOWN, "", "")


@pytest.mark.parametrize(
    ("advice", "never"),
    [
        ("do_not_try_again", True),
        ("try_again_later", False),
        (None, False),
        ("", False),
        ("DO_NOT_TRY_AGAIN", False),
        (True, False),
        (["do_not_try_again"], False),
    ],
)
def test_only_the_networks_clear_word_forbids_another_try(advice: object, never: bool) -> None:
    declined = charge(status="declined", decline_code="do_not_honor", network_advice=advice)
    replies = (
        read(402, error("card_declined", decline_code="do_not_honor", network_advice=advice)),
        read(402, error("card_declined", decline_code="do_not_honor", charge=declined)),
        read(200, error("card_declined", decline_code="do_not_honor", network_advice=advice)),
        read(200, declined),
    )
    assert [outcome.kind for outcome in replies] == [Kind.DECLINED] * 4
    assert [outcome.never_again for outcome in replies] == [never] * 4


def test_advice_means_nothing_where_nothing_was_declined() -> None:
    assert read(200, charge(network_advice="do_not_try_again")).never_again is False
