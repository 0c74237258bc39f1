"""Recovery in the console: what its runs did, and running it now (requirement C2)."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.admin import sentences
from payments.audit import Because
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, Payment, RecoveryRun
from payments.services.recover import AT_MOST, recover
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent

pytestmark = pytest.mark.django_db

RUN = "/admin/payments/recoveryrun/run/"
LIST = "/admin/payments/recoveryrun/"
Trigger = RecoveryRun.Trigger


@pytest.fixture
def forgotten(shop: Client) -> Payment:
    payment = accepted(shop)
    Payment.objects.filter(pk=payment.pk).update(due_at=None)
    return payment


def panel(browser: Browser) -> str:
    return text_of(browser, "/admin/").partition('aria-labelledby="recovery"')[2].partition("</section>")[0]


def test_an_operator_runs_it_and_reads_what_it_did(forgotten: Payment, operator: Browser) -> None:
    assert RUN in panel(operator)
    response = operator.post(RUN, follow=True)
    run = RecoveryRun.objects.get()
    assert response.redirect_chain == [(f"/admin/payments/recoveryrun/{run.pk}/change/", 302)]
    assert "Put right: forgotten payments made due: 1, loops woken: 2." in response.content.decode()
    assert (run.trigger, run.actor, run.client) == ("console", "operator:anna", None)
    assert reload(forgotten).due_at is not None
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor, entry.cause) == ("payment.recovered", "operator:anna", "console:recover")


def test_run_by_hand_it_asks_about_unknown_outcomes_now(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop), Kind.UNKNOWN)
    Payment.objects.update(due_at=Now() + timedelta(hours=1))
    page = operator.post(RUN, follow=True).content.decode()
    assert "Found: outcome unknown: 1. Put right: unknown outcomes asked about now: 1" in page
    due_at = reload(payment).due_at
    assert due_at is not None
    assert due_at == reload(payment).updated_at


def test_a_get_only_asks(forgotten: Payment, operator: Browser) -> None:
    page = text_of(operator, RUN)
    assert "Run recovery now?" in page
    assert "csrfmiddlewaretoken" in page
    assert RecoveryRun.objects.count() == 0
    assert reload(forgotten).due_at is None


def test_a_viewer_sees_the_runs_and_may_not_run_it(forgotten: Payment, viewer: Browser) -> None:
    recover(Trigger.API, BECAUSE, client_id=None)
    Payment.objects.update(due_at=None)
    assert RUN not in panel(viewer)
    assert RUN not in text_of(viewer, LIST)
    assert viewer.get(RUN).status_code == 403
    assert viewer.post(RUN).status_code == 403
    assert RecoveryRun.objects.count() == 1
    assert reload(forgotten).due_at is None


def test_a_post_without_the_csrf_token_or_a_login_is_refused(forgotten: Payment, operator: Browser) -> None:
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(RUN).status_code == 403
    assert Browser().post(RUN).status_code == 302
    assert RecoveryRun.objects.count() == 0
    assert reload(forgotten).due_at is None


def test_the_front_page_tells_what_is_unknown_since_when_and_the_last_five_runs(
    shop: Client, operator: Browser
) -> None:
    after(sent(shop), Kind.UNKNOWN)
    Payment.objects.update(created_at=Now() - timedelta(minutes=3, seconds=20))
    for _ in range(4):
        recover(Trigger.SCHEDULE, Because("worker:recovery", "job:recover"))
    recover(Trigger.API, Because(f"client:{shop.pk}", "request:1"), client_id=shop.pk)
    RecoveryRun.objects.create(trigger=Trigger.START, actor="worker:recovery")
    text = panel(operator)
    assert "Outcome unknown now: <b>1</b>" in text
    assert "the oldest for 3 min 2" in text
    assert (text.count("<tr>") - 1, text.count(">Schedule<"), text.count(">not finished<")) == (5, 3, 2)
    assert "API, only of Shop" in text
    assert "outcome unknown: 1" in text


def test_where_recovery_never_ran_the_front_page_says_so(operator: Browser) -> None:
    assert "Recovery has not run in the last 7 days." in panel(operator)


def test_the_list_names_who_and_whose_payments(shop: Client, viewer: Browser) -> None:
    recover(Trigger.API, Because(f"client:{shop.pk}", "request:1"), client_id=shop.pk)
    recover(Trigger.COMMAND, Because("command:recover", "command:recover"))
    rows = viewer.get(LIST).context["cl"].result_list
    admin = viewer.get(LIST).context["cl"].model_admin
    assert [(admin.trigger_in_words(row), admin.who(row), admin.whose(row)) for row in rows] == [
        ("Command line", "command recover", "all"),
        ("API", "client Shop", "Shop"),
    ]


def test_everything_that_a_run_counts_has_words(shop: Client) -> None:
    run = recover(Trigger.SCHEDULE, BECAUSE)
    for name in run.found:
        assert sentences.of_found({name: 1}) != f"{name}: 1"
    for name in run.repaired:
        assert sentences.of_repaired({name: 1}) != f"{name}: 1"
    assert len(run.found) == 4
    assert len(run.repaired) == 13


def test_counts_are_words_without_zeros_and_say_where_counting_stopped() -> None:
    assert sentences.of_found({"unknown": 2, "overdue": 0, "inReview": 1}) == "outcome unknown: 2, in review: 1"
    assert sentences.of_found({"unknown": AT_MOST}) == "outcome unknown: 1000 or more"
    assert sentences.of_repaired({"wokenLoops": 0}) == "nothing"
