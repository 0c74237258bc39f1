"""The decline map in the console: read by all, changed by those who may, previewed and kept with its history (B5)."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from payments.declines import DEFAULTS, NEUTRAL_WORDS, decline
from payments.models import DeclineRule, DeclineRuleChange
from payments.services.decline_rules import change, values_of_meaning, version
from tests.payments.admin.conftest import browser_of, text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/declinerule/"
ADD = f"{LIST}add/"
FIELDS: dict[str, str] = {
    "gateway": "primary",
    "code": "moon_phase",
    "decline_class": "soft",
    "customer_message": "The moon is full. You were not charged.",
    "internal_message": "Full moon",
    "retryable": "on",
    "reason": "The manual says so.",
}


@pytest.fixture
def editor(db: None) -> Browser:
    """An operator to whom an administrator gave the permission to change the map."""
    browser = browser_of("edda", "Operator")
    User.objects.get(username="edda").user_permissions.add(Permission.objects.get(codename="change_declinerule"))
    return browser


@pytest.fixture
def expired() -> DeclineRule:
    """The migrated rule of expired_card; made anew where another test emptied the tables."""
    found = DeclineRule.objects.filter(gateway="", code="expired_card").first()
    if found:
        return found
    values = values_of_meaning(DEFAULTS["expired_card"])
    change("", "expired_card", values, seen=None, operator="paysite", reason="as migrated")
    return DeclineRule.objects.get(gateway="", code="expired_card")


def page_of(rule: DeclineRule) -> str:
    return f"{LIST}{rule.pk}/change/"


def posted(rule: DeclineRule, **changes: str) -> dict[str, str]:
    """Return what the browser sends from the rule's page, with `changes`; a change to "" empties the field."""
    sent = {
        "decline_class": rule.decline_class,
        "customer_message": rule.customer_message,
        "internal_message": rule.internal_message,
        **{name: "on" for name in ("retryable", "needs_another_card", "three_d_secure") if getattr(rule, name)},
        "seen": str(version(rule.gateway, rule.code)),
        "reason": "The manual says so.",
    }
    return {**sent, **changes}


def kept() -> list[dict[str, Any]]:
    return [dict(row) for row in DeclineRule.objects.order_by("pk").values()]


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", page)


def test_an_editor_adds_a_rule_and_its_page_shows_who_and_why(editor: Browser) -> None:
    reply = editor.post(ADD, FIELDS)
    rule = DeclineRule.objects.get(code="moon_phase")
    assert (reply.status_code, reply["Location"]) == (302, page_of(rule))
    assert (rule.gateway, rule.decline_class, rule.retryable, rule.changed_by) == ("primary", "soft", True, "edda")
    assert decline("moon_phase", "primary").words == FIELDS["customer_message"]
    page = text_of(editor, page_of(rule))
    for words in ("edda", "The manual says so.", "rule added", "class: soft", "customer reads: The moon is full."):
        assert words in page


def test_a_change_is_in_the_history_with_before_and_after(editor: Browser, expired: DeclineRule) -> None:
    words = "Please use a newer card. You were not charged."
    assert editor.post(page_of(expired), posted(expired, customer_message=words)).status_code == 302
    assert decline("expired_card", "secondary").words == words
    page = text_of(editor, page_of(expired))
    assert f"customer reads: {DEFAULTS['expired_card'].words} → {words}" in page
    assert f"{DEFAULTS['expired_card'].words} → {words}" in text_of(editor, "/admin/payments/declinerulechange/")


def test_a_preview_shows_what_the_customer_would_read_and_saves_nothing(editor: Browser, expired: DeclineRule) -> None:
    before, changes = kept(), DeclineRuleChange.objects.count()
    sent = posted(expired, customer_message="A newer card, please.", preview="1", reason="")
    page = plain(editor.post(page_of(expired), sent).content.decode())
    assert "After saving, the customer reads" in page
    assert "A newer card, please. You were not charged." in page
    assert "The customer reads now" in page
    page = plain(editor.post(ADD, {**FIELDS, "preview": "1"}).content.decode())
    assert "The moon is full. You were not charged." in page
    assert (kept(), DeclineRuleChange.objects.count()) == (before, changes)


def test_a_preview_of_fraud_shows_the_neutral_words(editor: Browser) -> None:
    sent = {**FIELDS, "decline_class": "fraud", "customer_message": "", "retryable": "", "needs_another_card": "on"}
    sent.pop("retryable")
    page = plain(editor.post(ADD, {**sent, "preview": "1"}).content.decode())
    assert f"<p>{NEUTRAL_WORDS} You were not charged.</p>" in page
    assert "<dd>card_declined</dd>" in page


@pytest.mark.parametrize("preview", [{}, {"preview": "1"}])
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"customer_message": "It was stolen."}, "suspicion of fraud"),
        ({"customer_message": "You were charged."}, "would not be true"),
        ({"customer_message": "a\x00b"}, "Null characters"),
        ({"customer_message": "x" * 201}, "at most 200"),
        ({"customer_message": ""}, "Write what the customer reads."),
        ({"decline_class": "banana"}, "banana"),
        ({"decline_class": "fraud"}, "never told"),
        ({"retryable": "on"}, "never tried again"),
        ({"three_d_secure": "on"}, "soft and authentication"),
        ({"internal_message": ""}, "required"),
    ],
)
def test_what_is_refused_stands_at_its_field_and_nothing_is_saved(
    editor: Browser, expired: DeclineRule, changes: dict[str, str], why: str, preview: dict[str, str]
) -> None:
    before, history = kept(), DeclineRuleChange.objects.count()
    reply = editor.post(page_of(expired), posted(expired, **changes, **preview))
    assert reply.status_code == 200
    assert why in reply.content.decode()
    assert (kept(), DeclineRuleChange.objects.count()) == (before, history)


def test_without_a_reason_nothing_is_saved(editor: Browser, expired: DeclineRule) -> None:
    before = kept()
    reply = editor.post(page_of(expired), posted(expired, internal_message="Too old", reason=" "))
    assert "Do not leave this empty." in reply.content.decode()
    assert kept() == before


def test_a_form_that_somebody_overtook_is_refused_and_keeps_what_was_typed(
    editor: Browser, administrator: Browser, expired: DeclineRule
) -> None:
    stale = posted(expired, internal_message="Mine")
    administrator.post(page_of(expired), posted(expired, internal_message="Theirs"))
    page = editor.post(page_of(expired), stale).content.decode()
    assert "Somebody changed this rule in the meantime." in page
    assert 'value="Mine"' in page
    expired.refresh_from_db()
    assert (expired.internal_message, expired.changed_by) == ("Theirs", "root")


@pytest.mark.parametrize("seen", ["", "x", "²", "9" * 30, "-1", "1\x00"])
def test_a_form_that_says_nothing_of_what_was_seen_changes_nothing(
    editor: Browser, expired: DeclineRule, seen: str
) -> None:
    before = kept()
    reply = editor.post(page_of(expired), posted(expired, internal_message="Mine", seen=seen))
    assert reply.status_code == 200
    assert kept() == before


@pytest.mark.parametrize("preview", [{}, {"preview": "1"}])
def test_a_code_that_has_a_rule_leads_to_it_and_what_was_typed_stays(
    editor: Browser, expired: DeclineRule, preview: dict[str, str]
) -> None:
    before, changes = kept(), DeclineRuleChange.objects.count()
    reply = editor.post(ADD, {**FIELDS, "gateway": "", "code": "expired_card", **preview})
    page = reply.content.decode()
    assert reply.status_code == 200
    link = f'<a class="console-link" href="{page_of(expired)}">expired_card, every gateway</a>'
    assert f"There is a rule for this code already: {link}. Nothing was changed" in page
    typed = {name: reply.context["form"][name].value() for name in FIELDS if name not in {"gateway", "code"}}
    assert typed == {name: text for name, text in FIELDS.items() if name not in {"gateway", "code"}} | {
        "retryable": True
    }
    assert FIELDS["customer_message"] in page
    assert (kept(), DeclineRuleChange.objects.count()) == (before, changes)


def test_back_to_the_default_says_what_that_is_and_brings_it_back(editor: Browser, expired: DeclineRule) -> None:
    editor.post(page_of(expired), posted(expired, customer_message="A newer card, please."))
    url = f"{LIST}{expired.pk}/remove/?seen={version('', 'expired_card')}"
    assert url in text_of(editor, page_of(expired))
    assert DEFAULTS["expired_card"].words in text_of(editor, url)
    assert editor.post(url, {"reason": "It was\nbetter."}).status_code == 302
    assert decline("expired_card") == DEFAULTS["expired_card"]
    assert DeclineRuleChange.objects.latest("pk").reason == "It was better."
    assert f"{LIST}{expired.pk}/remove/" not in text_of(editor, page_of(expired))
    assert "This cannot be done now." in text_of(editor, url)


def test_a_rule_without_a_default_is_removed_and_its_history_stays(editor: Browser) -> None:
    editor.post(ADD, FIELDS)
    rule = DeclineRule.objects.get(code="moon_phase")
    url = f"{LIST}{rule.pk}/remove/?seen={version('primary', 'moon_phase')}"
    assert "the code is unmapped then" in text_of(editor, url)
    reply = editor.post(url, {"reason": "No moon any more."})
    assert (reply.status_code, reply["Location"]) == (302, LIST)
    assert not decline("moon_phase", "primary").is_mapped
    assert "rule removed" in text_of(editor, "/admin/payments/declinerulechange/?q=moon_phase")


@pytest.mark.parametrize("query", ["", "?seen=", "?seen=x", "?seen=0", "?seen=99999999999999999999"])
def test_removing_what_was_not_seen_changes_nothing(editor: Browser, query: str) -> None:
    editor.post(ADD, FIELDS)
    before, rule = kept(), DeclineRule.objects.get(code="moon_phase")
    for reason in ("", "why not", "x" * 201, "a\x00b"):
        assert editor.post(f"{LIST}{rule.pk}/remove/{query}", {"reason": reason}).status_code in {200, 302}
    assert kept() == before


def test_a_code_of_fraud_says_on_its_page_that_it_stays_so(editor: Browser) -> None:
    change_to = values_of_meaning(DEFAULTS["stolen_card"])
    change("primary", "stolen_card", change_to, seen=None, operator="anna", reason="ours")
    rule = DeclineRule.objects.get(gateway="primary", code="stolen_card")
    assert "This code means fraud and stays so." in text_of(editor, page_of(rule))
    sent = posted(rule, decline_class="soft", customer_message="Try again. You were not charged.")
    assert "stays so" in editor.post(page_of(rule), sent).content.decode()
    rule.refresh_from_db()
    assert rule.decline_class == "fraud"


def test_those_who_only_view_read_the_map_and_change_nothing(
    operator: Browser, viewer: Browser, expired: DeclineRule
) -> None:
    before = kept()
    for browser in (operator, viewer):
        page = text_of(browser, page_of(expired))
        assert DEFAULTS["expired_card"].words in page
        assert "Save rule" not in page
        assert "expired_card" in text_of(browser, LIST)
        assert browser.post(page_of(expired), posted(expired, internal_message="x")).status_code == 403
        for url in (ADD, f"{LIST}{expired.pk}/remove/?seen=0"):
            assert browser.get(url).status_code == 403
            assert browser.post(url, FIELDS).status_code == 403
    assert kept() == before


def test_whoever_sees_nothing_of_payments_sees_no_map(expired: DeclineRule) -> None:
    stranger = browser_of("stan")
    for url in (LIST, ADD, page_of(expired), f"{LIST}{expired.pk}/remove/", "/admin/payments/declinerulechange/"):
        assert stranger.get(url).status_code == 403


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("class=fraud&q=o", {"own_fraud"}),
        ("of=gateway:primary", {"own_fraud"}),
        ("of=every&q=own_", {"own_soft"}),
        ("q=own_", {"own_fraud", "own_soft"}),
        ("q=FULL+MOON", {"own_soft"}),
        ("class=banana&of=%00&q=own_", {"own_fraud", "own_soft"}),
        ("q=%00own", {"own_fraud", "own_soft"}),
    ],
)
def test_the_list_filters_and_searches(viewer: Browser, query: str, codes: set[str]) -> None:
    DeclineRule.objects.all().delete()
    words = "Full moon. You were not charged."
    DeclineRule.objects.create(code="own_soft", decline_class="soft", internal_message="?", customer_message=words)
    DeclineRule.objects.create(code="own_fraud", decline_class="fraud", gateway="primary", internal_message="Theft")
    reply = viewer.get(f"{LIST}?{query}")
    assert reply.status_code == 200
    assert {rule.code for rule in reply.context["cl"].result_list} == codes


@pytest.mark.parametrize("name", ["0", "x", "²", "9" * 30])
def test_a_rule_that_does_not_exist_is_not_found(editor: Browser, name: str) -> None:
    assert editor.get(f"{LIST}{name}/change/").status_code == 404
    assert editor.post(f"{LIST}{name}/change/", FIELDS).status_code == 404
    assert editor.post(f"{LIST}{name}/remove/", FIELDS, follow=True).status_code == 404


@pytest.mark.parametrize("sent", [{}, dict.fromkeys(FIELDS, "\x00"), dict.fromkeys(FIELDS, "x" * 5000)])
def test_whatever_is_posted_is_answered_and_nothing_is_added(editor: Browser, sent: dict[str, str]) -> None:
    before = kept()
    assert editor.post(ADD, sent).status_code == 200
    assert editor.get(ADD, {"code": "\x00" * 99, "gateway": "<script>"}).status_code == 200
    assert kept() == before


def test_what_operators_wrote_is_shown_as_text(editor: Browser) -> None:
    row = DeclineRule.objects.create(code="evil", decline_class="soft", internal_message="<script>alert(1)</script>")
    for url in (LIST, page_of(row)):
        page = text_of(editor, url)
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_row_of_a_class_that_does_not_exist_breaks_no_page(viewer: Browser, editor: Browser) -> None:
    row = DeclineRule.objects.create(code="odd", decline_class="banana", internal_message="By hand")
    for browser in (viewer, editor):
        assert "By hand" in text_of(browser, f"{LIST}?q=odd")
        assert NEUTRAL_WORDS in text_of(browser, page_of(row))
