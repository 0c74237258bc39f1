"""What a decline code means, where that comes from, and what no rule can make of it (requirement B5)."""

import importlib
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from payments.declines import (
    DEFAULTS,
    NEUTRAL_CODE,
    NEUTRAL_WORDS,
    Decline,
    DeclineClass,
    code_for_clients,
    decline,
    fault_of_words,
    forget,
    meaning_of,
    rules,
)
from payments.gateways.sandbox.scenarios import CURED_BY_AUTHENTICATION, DECLINE_CODES
from payments.models import DeclineRule
from payments.services.decline_rules import RuleValues, values_of_meaning

MIGRATION: Any = importlib.import_module("payments.migrations.0008_decline_rules")
DOCS = (Path(__file__).resolve().parents[2] / "docs" / "declines.md").read_text()
FRAUD = [code for code, meaning in DEFAULTS.items() if meaning.decline_class is DeclineClass.FRAUD]
WORDS = "Please call your bank. You were not charged."


def rule(code: str, decline_class: str = "soft", gateway: str = "", **more: Any) -> DeclineRule:
    values = {"internal_message": "Real meaning", "customer_message": WORDS, "needs_another_card": False, **more}
    made = DeclineRule.objects.create(gateway=gateway, code=code, decline_class=decline_class, **values)
    forget()
    return made


def fields(meaning: Decline) -> tuple[str, str, str, bool]:
    return meaning.decline_class.value, meaning.code, meaning.words, meaning.retryable


def test_the_codes_of_every_class_are_those_of_the_references() -> None:
    by_class = {
        each.value: sorted(code for code, meaning in DEFAULTS.items() if meaning.decline_class is each)
        for each in DeclineClass
    }
    assert by_class == {
        "soft": [
            *("do_not_honor", "generic_decline", "issuer_unavailable", "temporary_hold", "try_again_later", "velocity"),
        ],
        "authentication": ["3ds_expired", "3ds_failed", "authentication_required", "customer_canceled"],
        "hard": [
            *("account_closed", "card_not_supported", "expired_card", "insufficient_funds", "invalid_number"),
            *("network_limit", "unread_decline"),
        ],
        "fraud": ["blocklist", "fraud_detected", "lost_card", "pickup_card", "stolen_card", "suspicious_activity"],
        "processing": [
            *("charge_voided", "gateway_rejected", "gateway_unavailable", "no_gateway", "not_processed"),
            *("processing_error", "rate_limit"),
        ],
    }


def test_the_sandbox_declines_with_no_code_that_is_unmapped() -> None:
    assert [code for code in DECLINE_CODES if not decline(code).is_mapped] == []


def test_three_d_secure_may_cure_what_the_references_say() -> None:
    assert {code for code, meaning in DEFAULTS.items() if meaning.three_d_secure} == CURED_BY_AUTHENTICATION


@pytest.mark.parametrize("code", sorted(set(DEFAULTS) - set(FRAUD)))
def test_the_default_words_are_such_as_an_operator_may_write(code: str) -> None:
    assert fault_of_words(DEFAULTS[code].words) == ""
    assert "You were not charged." in DEFAULTS[code].words
    assert DEFAULTS[code].internal_message


@pytest.mark.parametrize("code", FRAUD)
def test_fraud_reads_neutral_by_default(code: str) -> None:
    meaning = decline(code, "primary")
    assert fields(meaning) == ("fraud", NEUTRAL_CODE, NEUTRAL_WORDS, False)
    assert (meaning.needs_another_card, meaning.three_d_secure) == (True, False)
    assert code_for_clients(code) == NEUTRAL_CODE


def test_the_rows_of_the_migration_are_the_defaults() -> None:
    migrated = {row[0]: RuleValues(*row[1:]) for row in MIGRATION.RULES}
    assert migrated == {code: values_of_meaning(meaning) for code, meaning in DEFAULTS.items()}


@pytest.mark.django_db
def test_the_migrated_rules_mean_what_the_defaults_mean_and_are_put_in_once() -> None:
    DeclineRule.objects.all().delete()
    for _ in range(2):
        MIGRATION.put_defaults(apps, SimpleNamespace(connection=connection))
    assert DeclineRule.objects.count() == len(DEFAULTS)
    forget()
    assert {code: decline(code) for code in DEFAULTS} == DEFAULTS


@pytest.mark.django_db
def test_a_gateways_own_rule_goes_before_the_rule_for_every_gateway_and_that_before_the_default() -> None:
    assert decline("expired_card", "primary") == DEFAULTS["expired_card"]
    DeclineRule.objects.all().delete()
    rule("expired_card", "soft", customer_message="Everywhere. You were not charged.")
    rule("expired_card", "processing", "primary", customer_message="At one. You were not charged.")
    assert decline("expired_card", "primary").words == "At one. You were not charged."
    assert decline("expired_card", "secondary").words == "Everywhere. You were not charged."
    assert decline("expired_card").words == "Everywhere. You were not charged."
    assert decline("lost_card", "primary") == DEFAULTS["lost_card"]


@pytest.mark.django_db
def test_a_mapped_code_is_told_and_an_unmapped_one_is_not() -> None:
    rule("moon_phase", retryable=True)
    meaning = decline("moon_phase", "primary")
    assert fields(meaning) == ("soft", "moon_phase", WORDS, True)
    assert (meaning.is_mapped, meaning.internal_message) == (True, "Real meaning")
    unmapped = decline("sun_phase", "primary")
    assert fields(unmapped) == ("hard", NEUTRAL_CODE, NEUTRAL_WORDS, False)
    assert (unmapped.is_mapped, unmapped.needs_another_card, code_for_clients("sun_phase")) == (
        False,
        True,
        NEUTRAL_CODE,
    )


@pytest.mark.django_db
@pytest.mark.parametrize("code", [*FRAUD, "card_stolen", "suspected_fraud", "merchant_blacklist", "59_lost_card"])
@pytest.mark.parametrize("decline_class", ["soft", "authentication", "hard", "processing"])
def test_whatever_a_row_says_a_code_of_fraud_stays_fraud(code: str, decline_class: str) -> None:
    final = decline_class == "hard"
    rule(code, decline_class, "primary", retryable=not final, three_d_secure=not final)
    meaning = decline(code, "primary")
    assert fields(meaning) == ("fraud", NEUTRAL_CODE, NEUTRAL_WORDS, False)
    assert (meaning.three_d_secure, meaning.needs_another_card) == (False, True)
    assert meaning.internal_message == "Real meaning"


@pytest.mark.django_db
def test_a_rule_of_fraud_hides_its_code_wherever_the_gateway_is_not_known() -> None:
    rule("moon_phase", "soft")
    rule("moon_phase", "fraud", "secondary", customer_message="")
    assert decline("moon_phase", "primary").code == "moon_phase"
    assert decline("moon_phase", "secondary").code == NEUTRAL_CODE
    assert code_for_clients("moon_phase") == NEUTRAL_CODE


def test_a_row_cannot_make_fraud_or_hard_retryable_even_past_the_database() -> None:
    for decline_class in ("hard", "fraud"):
        row = DeclineRule(code="x", decline_class=decline_class, customer_message=WORDS, internal_message="?")
        row.retryable = row.three_d_secure = True
        assert (meaning_of(row).retryable, meaning_of(row).three_d_secure) == (False, False)
    row = DeclineRule(code="x", decline_class="processing", customer_message=WORDS, three_d_secure=True)
    assert meaning_of(row).three_d_secure is False


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"decline_class": "hard", "retryable": True},
        {"decline_class": "hard", "three_d_secure": True},
        {"decline_class": "fraud", "retryable": True, "customer_message": ""},
        {"decline_class": "fraud", "customer_message": "Stolen."},
    ],
)
def test_the_database_refuses_what_no_rule_may_say(wrong: dict[str, Any]) -> None:
    row = DeclineRule.objects.create(code="x", decline_class="soft", internal_message="?", customer_message=WORDS)
    with pytest.raises(IntegrityError), transaction.atomic():
        DeclineRule.objects.filter(pk=row.pk).update(**wrong)
    row.refresh_from_db()
    assert (row.decline_class, row.retryable, row.customer_message) == ("soft", False, WORDS)


@pytest.mark.django_db
@pytest.mark.parametrize("words", ["", "Your card is stolen.", "You were charged.", "<b>No</b>", "a\u202eb"])
def test_words_that_no_customer_may_read_are_replaced_by_the_neutral_ones(words: str) -> None:
    rule("moon_phase", customer_message=words)
    assert decline("moon_phase").words == NEUTRAL_WORDS


@pytest.mark.django_db
def test_a_row_of_a_class_that_does_not_exist_is_no_rule() -> None:
    rule("moon_phase", "banana")
    assert not decline("moon_phase").is_mapped


@pytest.mark.django_db
def test_lookups_read_the_rules_once_in_five_seconds(django_assert_num_queries: Any) -> None:
    forget()
    with django_assert_num_queries(1):
        for number in range(1000):
            decline(f"code_{number}", "primary")
    DeclineRule.objects.create(code="code_1", decline_class="soft", internal_message="!", customer_message=WORDS)
    with django_assert_num_queries(0):
        assert not decline("code_1").is_mapped
    rules.hold(rules.Snapshot.of([], read_at=time.monotonic() - 5))
    with django_assert_num_queries(1):
        assert decline("code_1").is_mapped


@pytest.mark.django_db
def test_a_reading_that_a_change_overtook_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    of = rules.Snapshot.of

    def overtaken(rows: Any, read_at: float) -> rules.Snapshot:
        read = of(list(rows), read_at)
        rule("moon_phase")
        return read

    with monkeypatch.context() as patch:
        patch.setattr(rules.Snapshot, "of", overtaken)
        assert not decline("moon_phase").is_mapped
    assert decline("moon_phase").is_mapped


GOOD: list[str] = [
    *("You were not charged.", "You have not been charged, and nothing was taken.", "The payment did not go through."),
    *("You weren't charged.", "No money was taken; please try again.", "It could not be completed.", "Zu wenig Geld."),
    *("The confirmation took too long.", "Your bank is unavailable - nothing was charged.", "x" * 200),
]


@pytest.mark.parametrize("words", GOOD)
def test_kind_and_true_words_are_taken(words: str) -> None:
    assert fault_of_words(words) == ""


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "Write what"),
        ("   ", "Write what"),
        ("x" * 201, "at most 200"),
        ("a\nb", "one line"),
        ("a\x00b", "one line"),
        ("zero\u200bwidth", "one line"),
        ("<script>alert(1)</script>", "plain text"),
        ("This card was reported stolen.", "suspicion of fraud"),
        ("Your LOST card", "suspicion of fraud"),
        ("Ｆｒａｕｄ", "suspicion of fraud"),
        ("Your bank blocked the card.", "suspicion of fraud"),
        ("It is on a block-list.", "suspicion of fraud"),
        ("Suspicious activity was found.", "suspicion of fraud"),
        ("Declined for security reasons.", "suspicion of fraud"),
        ("You were charged.", "would not be true"),
        ("You have already been charged twice.", "would not be true"),
        ("It did not work. Paid!", "would not be true"),
        ("Not only that: you were charged.", "would not be true"),
        ("Do not worry, you were charged.", "would not be true"),
        ("The payment was successful.", "would not be true"),
        ("We will refund you.", "would not be true"),
        ("We took the money.", "would not be true"),
    ],
)
def test_words_that_reveal_or_are_untrue_are_refused_with_the_reason(words: str, why: str) -> None:
    assert why in fault_of_words(words)


def test_the_page_about_declines_shows_the_defaults() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in DOCS.splitlines() if line.startswith("| `")
    ]
    expected = [
        [
            *(f"`{code}`", meaning.decline_class.value, meaning.internal_message, meaning.words),
            *("yes" if so else "" for so in (meaning.retryable, meaning.needs_another_card, meaning.three_d_secure)),
        ]
        for code, meaning in DEFAULTS.items()
    ]
    assert rows == expected
