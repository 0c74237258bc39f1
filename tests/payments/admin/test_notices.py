"""Alerts in the console: to be read, with what became of each (requirement G7)."""

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.models import Notice
from tests.payments.admin.conftest import text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/notice/"


@pytest.fixture
def notices(db: None) -> list[Notice]:
    """One that waits, one that is out, and one that was given up."""
    rows = []
    for number, (due, out, trouble) in enumerate([(True, False, ""), (False, True, ""), (False, False, "given up")]):
        rows.append(
            Notice.objects.create(
                kind="breaker_opened",
                key=f"circuit:{number}",
                channel="webhook",
                severity="critical",
                subject=f"Breaker number {number} opened",
                text="5 failures in a row",
                due_at=timezone.now() if due else None,
                sent_at=timezone.now() if out else None,
                trouble=trouble,
            )
        )
    return rows


@pytest.mark.parametrize(("standing", "number"), [("waiting", 0), ("sent", 1), ("not_sent", 2)])
def test_the_list_tells_what_was_told(viewer: Browser, notices: list[Notice], standing: str, number: int) -> None:
    page = text_of(viewer, LIST)
    assert all(row.subject in page for row in notices)
    assert all(word in page for word in ("Critical", "the team", "given up"))
    page = text_of(viewer, f"{LIST}?standing={standing}")
    assert [row.subject for row in notices if row.subject in page] == [f"Breaker number {number} opened"]


def test_nobody_can_edit_one(operator: Browser, notices: list[Notice]) -> None:
    url = f"{LIST}{notices[0].pk}/change/"
    assert "5 failures in a row" in text_of(operator, url)
    assert operator.post(url, {"subject": "nothing happened"}).status_code == 403
    assert Notice.objects.get(pk=notices[0].pk).subject == "Breaker number 0 opened"
