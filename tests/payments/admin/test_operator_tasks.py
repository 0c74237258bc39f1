"""Tasks are closed with what was found out, by those who may, once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client as Browser
from django.utils.html import escape

from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, OperatorTask
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db


@pytest.fixture
def task(shop: Client) -> OperatorTask:
    after(sent(shop), Kind.UNKNOWN, "amount_mismatch", alert=True, message="Charged 13.50 instead.")
    return OperatorTask.objects.get()


def close_of(task: OperatorTask) -> str:
    return f"/admin/payments/operatortask/{task.pk}/close/"


def page_of(task: OperatorTask) -> str:
    return f"/admin/payments/operatortask/{task.pk}/change/"


def test_the_page_of_a_task_tells_what_to_do(task: OperatorTask, operator: Browser) -> None:
    page = text_of(operator, page_of(task))
    for text in ("answer does not fit the charge", "The answer was not believed", "12.50 USD", task.payment_id):
        assert text in page
    assert close_of(task) in page


def test_closing_keeps_who_when_and_what_and_is_in_the_trail(task: OperatorTask, operator: Browser) -> None:
    operator.post(close_of(task), {"reason": "Gateway corrected it."})
    task.refresh_from_db()
    assert (task.closed_by, task.resolution, task.closed_at is not None) == ("anna", "Gateway corrected it.", True)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor, entry.cause) == ("task.closed", "operator:anna", "console:close-task")
    assert (entry.reason, entry.before, entry.after) == ("Gateway corrected it.", "processing", "processing")
    assert close_of(task) not in text_of(operator, page_of(task))


def test_a_closed_task_is_not_closed_again(task: OperatorTask, operator: Browser, administrator: Browser) -> None:
    administrator.post(close_of(task), {"reason": "first"})
    entries = AuditEntry.objects.count()
    assert "root closed it already." in text_of(operator, close_of(task))
    page = operator.post(close_of(task), {"reason": "second"}, follow=True).content.decode()
    assert "Nothing was changed." in page
    task.refresh_from_db()
    assert (task.closed_by, task.resolution, AuditEntry.objects.count()) == ("root", "first", entries)


def test_a_task_is_not_closed_without_words_or_by_get(task: OperatorTask, operator: Browser) -> None:
    operator.get(f"{close_of(task)}?reason=because")
    for reason in ("", " ", "x" * 501):
        assert operator.post(close_of(task), {"reason": reason}).status_code == 200
    task.refresh_from_db()
    assert task.closed_at is None


def test_a_viewer_reads_tasks_and_closes_none(task: OperatorTask, viewer: Browser) -> None:
    assert close_of(task) not in text_of(viewer, page_of(task))
    assert viewer.get(close_of(task)).status_code == 403
    assert viewer.post(close_of(task), {"reason": "let me"}).status_code == 403
    task.refresh_from_db()
    assert task.closed_at is None


def test_a_task_about_an_unknown_outcome_shows_every_look_up_newest_first(shop: Client, operator: Browser) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    reasons = ["server_error", "not_found", "connect_timeout"]
    for reason in reasons:
        kind = Kind.NOT_FOUND if reason == "not_found" else Kind.UNKNOWN
        after(attempt, kind, reason, looked=True)
    Attempt.objects.update(sent_at=Now() - timedelta(days=1, minutes=5))
    payment = after(attempt, Kind.UNKNOWN, "dns", looked=True)
    task = OperatorTask.objects.get(kind="unknown_too_long")
    looks = operator.get(page_of(task)).context["look_ups"]
    assert [look.why.rpartition("(")[2] for look in looks] == [
        *("dns)", "connect_timeout)", "not_found)", "server_error)", "read_timeout)")
    ]
    assert (looks[0].after, looks[0].attempt) == ("1 d", 1)
    assert looks[0].what.startswith("The gateway was asked again")
    assert looks[-1].what.startswith("No usable answer came")
    page = text_of(operator, page_of(task))
    assert "the gateway&#x27;s name could not be resolved (dns)" in page
    assert f"/admin/payments/payment/{payment.pk}/change/#timeline" in page


def test_a_task_of_another_kind_shows_no_look_ups(task: OperatorTask, operator: Browser) -> None:
    assert "Every look-up" not in text_of(operator, page_of(task))


def test_a_long_list_of_look_ups_takes_no_more_statements(
    shop: Client, operator: Browser, django_assert_num_queries: Any
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN)
    Attempt.objects.update(sent_at=Now() - timedelta(days=2))
    after(attempt, Kind.UNKNOWN, looked=True)
    task = OperatorTask.objects.get()
    counts = []
    for _ in range(3):
        with django_assert_num_queries(7, exact=False) as queries:
            operator.get(page_of(task))
        counts.append(len(queries))
        after(attempt, Kind.UNKNOWN, looked=True)
    assert len(set(counts)) == 1


def test_a_double_charge_is_told_in_words_with_its_charge(shop: Client, operator: Browser) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, "succeeded", reference="ch_1")
    after(attempt, Kind.SUCCEEDED, "succeeded", reference="ch_2")
    task = OperatorTask.objects.get(kind="duplicate_charge")
    assert task.detail == "The gateway says that it charged the customer. Its charge is ch_2."
    payment = f"/admin/payments/payment/{task.payment_id}/change/"
    assert all(task.detail in text_of(operator, url) for url in (page_of(task), payment))


def test_why_is_told_in_words_wherever_a_task_is_shown(task: OperatorTask, operator: Browser) -> None:
    assert task.detail == "No usable answer came: amount_mismatch. Charged 13.50 instead."
    words = (
        "No usable answer came: the gateway answered with another amount; its answer was not believed (amount_mismatch)"
    )
    told = escape(f"{words}. Charged 13.50 instead.")
    assert told in text_of(operator, page_of(task))
    # Among the open tasks, and in the timeline.
    assert text_of(operator, f"/admin/payments/payment/{task.payment_id}/change/").count(told) == 2


@pytest.mark.parametrize(("query", "count"), [("queue=open", 1), ("queue=closed", 0), ("", 1)])
def test_the_list_filters_open_and_closed(task: OperatorTask, viewer: Browser, query: str, count: int) -> None:
    response = viewer.get(f"/admin/payments/operatortask/?{query}")
    assert response.context["cl"].result_count == count


@pytest.mark.parametrize("name", ["0", "99999", "x", "²"])
def test_a_task_that_does_not_exist_is_not_found(operator: Browser, name: str) -> None:
    assert operator.get(f"/admin/payments/operatortask/{name}/change/").status_code == 404
