"""The decline map is changed with a reason and a history, by one operator at a time, within its limits (B5)."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from payments.declines import DEFAULTS, decline, forget
from payments.models import Attempt, Client, DeclineRule, DeclineRuleChange, Payment, UnmappedDecline
from payments.services import decline_rules
from payments.services.decline_rules import (
    OTHER,
    RuleRefusedError,
    RuleValues,
    StaleRuleError,
    change,
    note_unmapped,
    remove,
    values_of,
    values_of_meaning,
    version,
)
from payments.services.settle import Settler
from tests.payments.conftest import accepted, reload
from tests.sandbox import SandboxProcess

SOFT = RuleValues("soft", "The moon is full", "The moon is full. You were not charged.", True, False, False)
FRAUD = RuleValues("fraud", "The moon was stolen")
WHO = {"operator": "anna", "reason": "The gateway's manual says so."}

database = pytest.mark.django_db


def rows() -> list[tuple[str, str, RuleValues]]:
    found = DeclineRule.objects.exclude(changed_by="paysite").order_by("gateway", "code")
    return [(rule.gateway, rule.code, values_of(rule)) for rule in found]


def history() -> list[tuple[str, str, dict[str, Any] | None, dict[str, Any] | None]]:
    return [(row.gateway, row.code, row.before, row.after) for row in DeclineRuleChange.objects.order_by("pk")]


@database
def test_a_new_rule_holds_at_once_and_its_history_says_who_and_why() -> None:
    assert not decline("moon_phase", "primary").is_mapped
    made = change("primary", "moon_phase", SOFT, seen=None, **WHO)
    assert decline("moon_phase", "primary").words == SOFT.customer_message
    assert not decline("moon_phase", "secondary").is_mapped
    assert (made.changed_by, rows()) == ("anna", [("primary", "moon_phase", SOFT)])
    assert history() == [("primary", "moon_phase", None, asdict(SOFT))]
    row = DeclineRuleChange.objects.get()
    assert (row.operator, row.reason) == ("anna", WHO["reason"])


@database
def test_a_change_keeps_what_was_before() -> None:
    made = change("", "moon_phase", SOFT, seen=None, **WHO)
    hard = replace(SOFT, decline_class="hard", retryable=False, needs_another_card=True)
    change("", "moon_phase", hard, seen=version("", "moon_phase"), operator="berta", reason=" It\nnever works. ")
    made.refresh_from_db()
    assert (values_of(made), made.changed_by) == (hard, "berta")
    assert history()[1] == ("", "moon_phase", asdict(SOFT), asdict(hard))
    assert DeclineRuleChange.objects.latest("pk").reason == "It never works."
    assert decline("moon_phase").retryable is False


@database
def test_history_is_append_only() -> None:
    change("", "moon_phase", SOFT, seen=None, **WHO)
    for act in (lambda: DeclineRuleChange.objects.update(reason="x"), DeclineRuleChange.objects.all().delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()
    assert DeclineRuleChange.objects.get().reason == WHO["reason"]


@database
@pytest.mark.parametrize(
    ("code", "values", "field", "words"),
    [
        ("moon_phase", replace(SOFT, decline_class="banana"), "decline_class", "Choose one"),
        ("stolen_card", SOFT, "decline_class", "stays so"),
        ("card_stolen", SOFT, "decline_class", "stays so"),
        ("moon_phase", replace(SOFT, decline_class="hard"), "retryable", "never tried again"),
        ("moon_phase", replace(SOFT, needs_another_card=True), "retryable", "Either"),
        ("moon_phase", replace(SOFT, decline_class="processing", three_d_secure=True), "three_d_secure", "helps with"),
        ("moon_phase", replace(FRAUD, retryable=True), "retryable", "never tried again"),
        ("moon_phase", replace(FRAUD, customer_message="Hm."), "customer_message", "never told"),
        ("moon_phase", replace(FRAUD, needs_another_card=False), "needs_another_card", "another card"),
        ("moon_phase", replace(SOFT, customer_message="It was stolen."), "customer_message", "suspicion"),
        ("moon_phase", replace(SOFT, internal_message=" "), "internal_message", "empty"),
        ("moon_phase", replace(SOFT, internal_message="x" * 201), "internal_message", "200"),
        ("Moon", SOFT, "code", "lower-case"),
        ("", SOFT, "code", "lower-case"),
        ("x" * 65, SOFT, "code", "64"),
    ],
)
def test_what_no_rule_may_say_is_refused_at_its_field(code: str, values: RuleValues, field: str, words: str) -> None:
    with pytest.raises(RuleRefusedError) as refused:
        change("", code, values, seen=None, **WHO)
    assert words in refused.value.faults[field]
    assert (rows(), history()) == ([], [])


@database
@pytest.mark.parametrize("reason", ["", "  \n", "x" * 201, "a\x00b"])
def test_without_a_usable_reason_nothing_is_changed_or_removed(reason: str) -> None:
    change("primary", "moon_phase", SOFT, seen=None, **WHO)
    seen = version("primary", "moon_phase")
    with pytest.raises(RuleRefusedError) as refused:
        change("primary", "moon_phase", FRAUD, seen=seen, operator="anna", reason=reason)
    assert refused.value.faults.keys() == {"reason"}
    with pytest.raises(RuleRefusedError):
        remove("primary", "moon_phase", seen=seen, operator="anna", reason=reason)
    assert (rows(), len(history())) == ([("primary", "moon_phase", SOFT)], 1)


@database
def test_no_gateway_has_such_a_name() -> None:
    with pytest.raises(RuleRefusedError) as refused:
        change("a gateway", "moon_phase", SOFT, seen=None, **WHO)
    assert refused.value.faults.keys() == {"gateway"}
    assert rows() == []


@database
def test_a_form_that_somebody_overtook_is_refused() -> None:
    change("", "moon_phase", SOFT, seen=None, **WHO)
    seen = version("", "moon_phase")
    change("", "moon_phase", FRAUD, seen=seen, **WHO)
    for act in (
        lambda: change("", "moon_phase", replace(SOFT, internal_message="Mine"), seen=seen, **WHO),
        lambda: change("", "moon_phase", SOFT, seen=None, **WHO),
        lambda: change("", "other_code", SOFT, seen=7, **WHO),
        lambda: remove("", "moon_phase", seen=seen, **WHO),
        lambda: remove("", "other_code", seen=0, **WHO),
    ):
        with pytest.raises(StaleRuleError, match="nothing was changed"):
            act()
    assert (rows(), len(history())) == ([("", "moon_phase", FRAUD)], 2)


@database
def test_saving_what_is_there_is_no_change() -> None:
    change("", "moon_phase", SOFT, seen=None, **WHO)
    with pytest.raises(RuleRefusedError, match="already"):
        change("", "moon_phase", SOFT, seen=version("", "moon_phase"), **WHO)
    assert len(history()) == 1


@database
def test_a_gateways_rule_that_is_removed_leaves_what_holds_for_every_gateway() -> None:
    change("primary", "expired_card", SOFT, seen=None, **WHO)
    assert decline("expired_card", "primary").retryable is True
    remove("primary", "expired_card", seen=version("primary", "expired_card"), **WHO)
    assert decline("expired_card", "primary") == DEFAULTS["expired_card"]
    assert rows() == []
    assert history()[1] == ("primary", "expired_card", asdict(SOFT), None)


@database
def test_a_built_in_default_comes_back_and_stays_listed() -> None:
    DeclineRule.objects.filter(code="expired_card").delete()
    change("", "expired_card", SOFT, seen=None, **WHO)
    remove("", "expired_card", seen=version("", "expired_card"), **WHO)
    default = values_of_meaning(DEFAULTS["expired_card"])
    assert rows() == [("", "expired_card", default)]
    assert history()[1] == ("", "expired_card", asdict(SOFT), asdict(default))
    assert decline("expired_card", "primary") == DEFAULTS["expired_card"]


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_who_save_at_once_one_is_refused() -> None:
    made = change("", "moon_phase", SOFT, seen=None, **WHO)
    seen = version("", "moon_phase")
    acts: list[Callable[[], object]] = [
        lambda: change("", "moon_phase", FRAUD, seen=seen, **WHO),
        lambda: change("", "moon_phase", replace(SOFT, internal_message="Mine"), seen=seen, **WHO),
    ]
    assert sorted(at_once(acts)) == ["StaleRuleError", "done"]
    assert (len(history()), DeclineRule.objects.filter(pk=made.pk).count()) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_who_add_a_rule_at_once_one_is_refused() -> None:
    acts: list[Callable[[], object]] = [
        lambda: change("primary", "moon_phase", SOFT, seen=None, **WHO),
        lambda: change("primary", "moon_phase", FRAUD, seen=None, **WHO),
    ]
    assert sorted(at_once(acts)) == ["StaleRuleError", "done"]
    assert (len(history()), DeclineRule.objects.filter(code="moon_phase").count()) == (1, 1)


def at_once(acts: list[Callable[[], object]]) -> list[str]:
    """Run `acts` in threads of their own, from one moment on; return how each ended."""
    barrier, ends = Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            act()
            ends.append("done")
        except RuleRefusedError as refused:
            ends.append(type(refused).__name__)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return ends


def counted() -> dict[tuple[str, str], int]:
    return {(row.gateway, row.code): row.count for row in UnmappedDecline.objects.all()}


@database
def test_unmapped_codes_are_counted_per_gateway() -> None:
    note_unmapped([("primary", "moon"), ("secondary", "moon"), ("primary", "moon")])
    UnmappedDecline.objects.update(first_seen_at=Now() - timedelta(days=2), last_seen_at=Now() - timedelta(days=1))
    note_unmapped([("primary", "moon")])
    assert counted() == {("primary", "moon"): 3, ("secondary", "moon"): 1}
    row = UnmappedDecline.objects.get(gateway="primary")
    assert row.last_seen_at - row.first_seen_at > timedelta(days=1, hours=23)


@database
def test_counting_a_known_code_costs_one_statement(django_assert_num_queries: Any) -> None:
    note_unmapped([("primary", "moon")])
    with django_assert_num_queries(1):
        note_unmapped([("primary", "moon")] * 100)
    with django_assert_num_queries(0):
        note_unmapped([])
    assert counted() == {("primary", "moon"): 101}


@database
def test_what_a_gateway_makes_up_is_counted_together_beyond_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decline_rules, "MOST_UNMAPPED", 3)
    note_unmapped([("primary", f"code_{number}") for number in range(10)])
    note_unmapped([("primary", "<b>"), ("primary", "x" * 65), ("primary", ""), ("secondary", "code_9")])
    assert counted() == {
        ("primary", "code_0"): 1,
        ("primary", "code_1"): 1,
        ("primary", "code_2"): 1,
        ("primary", OTHER): 10,
        ("secondary", "code_9"): 1,
    }
    UnmappedDecline.objects.filter(code="code_1").update(last_seen_at=Now() - timedelta(days=91))
    note_unmapped([("primary", "fresh")])
    assert ("primary", "code_1") not in counted()
    assert counted()["primary", "fresh"] == 1


@database
def test_a_code_that_is_mapped_leaves_the_list_of_the_gateways_it_is_mapped_for() -> None:
    note_unmapped([("primary", "moon"), ("secondary", "moon"), ("primary", "sun")])
    change("primary", "moon", SOFT, seen=None, **WHO)
    assert counted().keys() == {("secondary", "moon"), ("primary", "sun")}
    change("", "moon", SOFT, seen=None, **WHO)
    assert counted().keys() == {("primary", "sun")}


@pytest.mark.django_db(transaction=True)
def test_no_rule_makes_anything_of_an_unknown_outcome(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    retry_me = replace(SOFT, three_d_secure=True)
    codes = ("read_timeout", "unknown", "closed", "server_error", "server_error_replayed", "declined", "reset")
    for code in codes:
        change("", code, retry_me, seen=None, **WHO)
        change("primary", code, retry_me, seen=None, **WHO)
    forget()
    assert decline("read_timeout", "primary").retryable is True
    payments = [
        accepted(shop, f"key-{token}", token=token, order=token)
        for token in ("tok_charged_no_answer", "tok_not_charged_no_answer", "tok_charged_then_500")
    ]
    settler.drain()
    reasons = set()
    for payment in map(reload, payments):
        assert (payment.status, payment.outcome_unknown, payment.error_code) == ("processing", True, "")
        attempt = Attempt.objects.get(payment=payment)
        assert (attempt.number, attempt.state, attempt.sends) == (1, "unknown", 1)
        assert len(gateway.charges(reference=payment.pk)) <= 1
        reasons.add(attempt.reason)
    assert reasons <= set(codes)
    assert Payment.objects.filter(retry_count__gt=0).count() == 0
