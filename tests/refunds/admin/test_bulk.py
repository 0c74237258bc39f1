"""Bulk refunds in the console: brought in, looked at, started, and approved by somebody else (requirements D6, G4)."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from payments.admin.roles import OPERATOR, SUPERVISOR, VIEWER
from payments.clock import database_now
from payments.models import Client, Payment
from payments.services.settle import Settler
from refunds.models import BulkRefund, Refund
from refunds.models.bulk import new_bulk_id
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import accepted, reload
from tests.refunds.conftest import captured
from tests.refunds.services.bulks import now
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/refunds/bulkrefund/"
ADD = f"{LIST}add/"


@pytest.fixture
def payment(shop: Client, gateway: SandboxProcess, settler: Settler) -> Payment:
    return captured(shop, settler, amount=20_000)


@pytest.fixture
def operator(db: None) -> Browser:
    return browser_of("anna", OPERATOR)


def page_of(bulk: BulkRefund) -> str:
    return f"{LIST}{bulk.pk}/change/"


def act_of(bulk: BulkRefund, slug: str, seen: str = "") -> str:
    return f"{LIST}{bulk.pk}/do/{slug}/?seen={seen or bulk.parameters_hash}"


def uploaded(browser: Browser, content: bytes, name: str = "list.csv", **more: str) -> Any:
    file = SimpleUploadedFile(name, content, "text/csv")
    return browser.post(ADD, {"reason": "duplicate", "note": "twice", "file": file, **more})


def made(browser: Browser, *lines: str, **more: str) -> BulkRefund:
    """Return the list of these pasted lines, which `browser` brings in."""
    response = browser.post(ADD, {"reason": "duplicate", "pasted": "\n".join(lines), **more})
    assert response.status_code == 302
    return BulkRefund.objects.get(pk=response["Location"].split("/")[-3])


def test_a_file_is_checked_and_shown_and_nothing_is_refunded(payment: Payment, operator: Browser) -> None:
    text = f"payment;amount\r\n{payment.pk};30,00\r\norder-9;\r\n".encode("utf-8-sig")
    response = uploaded(operator, text)
    bulk = BulkRefund.objects.get()
    assert (bulk.name, bulk.state, bulk.reason, bulk.note) == ("list.csv", "checked", "duplicate", "twice")
    page = text_of(operator, response["Location"])
    assert "This was a dry run: nothing is reserved and nothing is refunded." in page
    assert "1 row is refunded, 30.00 USD in all, one after the other." in page
    assert "1 × There is no such payment and no such order." in page
    assert (Refund.objects.count(), reload(payment).refund_reserved) == (0, 0)


def test_an_order_and_a_payment_that_differ_are_shown_as_they_were_given(payment: Payment, operator: Browser) -> None:
    bulk = made(operator, "order;payment;amount", f"order-9;{payment.pk};30.00")
    page = text_of(operator, page_of(bulk))
    assert f"{payment.pk} · order-9 · 30.00" in page
    assert "1 × The order and the payment differ: this payment is of another order." in page
    assert "No row of the list can be refunded." in page
    response = operator.get(f"{LIST}{bulk.pk}/result.csv")
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert text.splitlines()[1].startswith(f"2,{payment.pk} · order-9 · 30.00,{payment.pk},,USD,Cannot be refunded,")
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    assert (now(bulk).state, Refund.objects.count(), reload(payment).refund_reserved) == ("checked", 0, 0)


def test_the_sums_have_a_line_for_a_currency_only_where_there_is_money(
    shop: Client, payment: Payment, operator: Browser, settler: Settler
) -> None:
    yen = captured(shop, settler, "order-2-pay", order="order-2", currency="JPY", amount=500)
    dinar = captured(shop, settler, "order-3-pay", order="order-3", currency="KWD", amount=5000)
    bulk = made(operator, f"{payment.pk},30.00", f"{payment.pk},500.00", f"{yen.pk},5.00", f"{dinar.pk},x", "order-9")
    sums = operator.get(page_of(bulk)).context["sums"]
    assert sums == [
        ("500.00 USD", "Cannot be refunded", 1),
        ("30.00 USD", "Waiting", 1),
        ("—", "Cannot be refunded", 3),
    ]


def test_a_list_is_started_after_a_confirmation_and_shows_each_rows_refund(
    payment: Payment, operator: Browser, settler: Settler
) -> None:
    bulk = made(operator, f"{payment.pk},30.00", f"{payment.pk},40.00")
    assert "2 rows are refunded, 70.00 USD in all" in text_of(operator, act_of(bulk, "start"))
    settler.drain()
    assert Refund.objects.count() == 0
    for _ in range(2):
        assert operator.post(act_of(bulk, "start"), {"reason": "outage"}).status_code in {200, 302}
    settler.drain()
    assert (now(bulk).state, Refund.objects.count(), reload(payment).refunded) == ("done", 2, 7000)
    page = text_of(operator, page_of(bulk))
    for refund in Refund.objects.all():
        assert f"/admin/refunds/refund/{refund.pk}/change/" in page
    assert "Start the refunds: outage" in page
    assert page.count("The money went back.") == 2


@pytest.mark.parametrize("seen", ["", "0" * 64])
def test_a_start_that_saw_another_list_is_refused(
    payment: Payment, operator: Browser, settler: Settler, seen: str
) -> None:
    bulk = made(operator, f"{payment.pk},30.00")
    response = operator.post(f"{LIST}{bulk.pk}/do/start/?seen={seen}", {"reason": "outage"}, follow=True)
    assert "The list is not the one that you saw." in response.content.decode()
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("checked", 0)


def test_above_the_operators_limit_a_supervisor_approves(payment: Payment, operator: Browser, settler: Settler) -> None:
    bulk = made(operator, f"{payment.pk},60.00", f"{payment.pk},60.00")
    assert "It is above what you may refund alone" in text_of(operator, page_of(bulk))
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    assert now(bulk).state == "awaiting_approval"
    assert operator.post(act_of(bulk, "approve"), {"reason": "mine"}).status_code == 403
    supervisor = browser_of("bert", SUPERVISOR)
    assert "1 bulk refund waits for approval." in text_of(supervisor, "/admin/")
    assert bulk.pk in text_of(supervisor, f"{LIST}?queue=bulk_to_approve").replace("_5F", "_")
    supervisor.post(act_of(bulk, "approve"), {"reason": "agreed"})
    settler.drain()
    row = now(bulk)
    assert (row.state, row.approved_by, row.decision) == ("done", "operator:bert", "agreed")
    assert reload(payment).refunded == 12_000


def test_a_supervisor_does_not_approve_a_list_of_their_own(payment: Payment, settler: Settler, settings: Any) -> None:
    settings.REFUND_LIMITS = {**settings.REFUND_LIMITS, "supervisor": {"USD": 100}}
    supervisor = browser_of("bert", SUPERVISOR)
    bulk = made(supervisor, f"{payment.pk},60.00")
    supervisor.post(act_of(bulk, "start"), {"reason": "outage"})
    page = text_of(supervisor, page_of(bulk))
    assert "Who asked for a refund may not approve it: ask somebody else." in page
    supervisor.post(act_of(bulk, "approve"), {"reason": "agreed"})
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("awaiting_approval", 0)


def test_a_colleague_cannot_start_but_can_stop_it(payment: Payment, operator: Browser, settler: Settler) -> None:
    bulk, colleague = made(operator, f"{payment.pk},30.00"), browser_of("carl", OPERATOR)
    assert "Only who made the list may start it." in text_of(colleague, page_of(bulk))
    colleague.post(act_of(bulk, "start"), {"reason": "outage"})
    assert now(bulk).state == "checked"
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    colleague.post(act_of(bulk, "stop"), {"reason": "wrong file"})
    settler.drain()
    assert (now(bulk).state, Refund.objects.count()) == ("stopped", 0)


def test_one_form_sent_twice_is_one_list(payment: Payment, operator: Browser) -> None:
    key = new_bulk_id()
    first, second = (made(operator, f"{payment.pk},30.00", key=key) for _ in range(2))
    assert (first.pk, second.pk, BulkRefund.objects.count()) == (key, key, 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Give a list."),
        ({"pasted": "payment;amount"}, "The list has a heading and no rows."),
        ({"pasted": "x", "reason": "proactive_customer_satisfaction"}, "Select a valid choice."),
        ({"pasted": "x", "note": "a\x07b"}, "There is a character that cannot be shown"),
        ({"pasted": "amount\n1"}, "The heading names no column for the payment."),
    ],
)
def test_a_list_that_cannot_be_taken_says_why(operator: Browser, data: dict[str, str], words: str) -> None:
    response = operator.post(ADD, {"reason": "duplicate", **data})
    assert (response.status_code, words in response.content.decode()) == (200, True)
    assert BulkRefund.objects.count() == 0


@pytest.mark.parametrize(
    "content", [bytes(range(256)), b"\x00", b'"' * 999, b"\xff\xfe\x00", b"a,b\n" * 3, b"=1+1;@x\n-1;+1"]
)
def test_no_file_is_a_failure_of_the_page(payment: Payment, operator: Browser, content: bytes) -> None:
    response = uploaded(operator, content)
    assert response.status_code in {200, 302}
    if response.status_code == 302:
        text_of(operator, response["Location"])
        assert set(BulkRefund.objects.get().rows.values_list("state", flat=True)) == {"refused"}


def test_a_file_that_is_too_large_is_refused(operator: Browser) -> None:
    page = uploaded(operator, b"x" * 1_000_001).content.decode()
    assert "The list is larger than 1,000,000 bytes. Split it." in page
    assert BulkRefund.objects.count() == 0


def test_the_result_has_no_cell_that_is_a_formula(payment: Payment, operator: Browser, settler: Settler) -> None:
    bulk = made(operator, "order;amount", "=cmd|' /C calc'!A0;1", "@SUM(1);2", "-1;", "+2;", "order-1;5.00")
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    settler.drain()
    response = operator.get(f"{LIST}{bulk.pk}/result.csv")
    assert response["Content-Disposition"] == f'attachment; filename="{bulk.pk}.csv"'
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    lines = text.splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == [
        "'=cmd|' /C calc'!A0 · 1",
        "'@SUM(1) · 2",
        "'-1",
        "'+2",
        "order-1 · 5.00",
    ]
    refund = Refund.objects.get()
    assert lines[-1].startswith(
        f"6,order-1 · 5.00,{payment.pk},5.00,USD,Refund requested,The money went back.,{refund.pk}"
    )
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line.split(","))


def test_a_refund_that_failed_later_is_shown_and_goes_into_a_new_list(
    payment: Payment, operator: Browser, settler: Settler
) -> None:
    bulk = made(operator, f"{payment.pk},30.00")
    operator.post(act_of(bulk, "start"), {"reason": "outage"})
    settler.drain()
    refund = Refund.objects.get()
    refund.fail(code="account_closed", now=database_now())
    refund.save(update_fields=["state", "error_code", "due_at", "finished_at"])
    page = text_of(operator, page_of(bulk))
    assert "The customer did not get the money" in page
    assert "It needs a new list." in page
    assert f"?again={bulk.pk}" in page
    form = text_of(operator, f"{ADD}?again={bulk.pk}")
    assert f"{payment.pk}; 30.00 USD" in form


def test_chosen_payments_of_the_console_fill_in_a_new_list(shop: Client, payment: Payment, operator: Browser) -> None:
    other = accepted(shop, "order-2-pay", order="order-2")
    chosen = {"action": "refund_these", "_selected_action": [payment.pk, other.pk], "index": "0"}
    response = operator.post("/admin/payments/payment/", chosen)
    page = response.content.decode()
    assert response.status_code == 200
    assert f"{other.pk}\n{payment.pk}</textarea>" in page
    assert f'action="{ADD}"' in page
    assert BulkRefund.objects.count() == 0
    assert f"{payment.pk}\n{other.pk}</textarea>" in text_of(operator, f"{ADD}?payments={payment.pk},{other.pk}")
    viewer = browser_of("vera", VIEWER)
    refused = viewer.post("/admin/payments/payment/", chosen, follow=True).content.decode()
    assert "You may look at payments, not refund them." in refused


def test_a_viewer_sees_and_does_nothing(payment: Payment, operator: Browser) -> None:
    bulk, viewer = made(operator, f"{payment.pk},30.00"), browser_of("vera", VIEWER)
    page = text_of(viewer, page_of(bulk))
    assert "/do/start/" not in page
    assert [viewer.post(act_of(bulk, slug), {"reason": "x"}).status_code for slug in ("start", "cancel")] == [403] * 2
    assert (viewer.get(ADD).status_code, viewer.post(page_of(bulk)).status_code) == (403, 403)
    assert viewer.get(f"{LIST}{bulk.pk}/result.csv").status_code == 200
    assert now(bulk).state == "checked"


def test_who_may_not_see_lists_sees_none(payment: Payment, operator: Browser) -> None:
    bulk, nobody = made(operator, f"{payment.pk},30.00"), browser_of("nobody")
    urls = (LIST, page_of(bulk), f"{LIST}{bulk.pk}/result.csv", act_of(bulk, "start"), ADD)
    assert [nobody.get(url).status_code for url in urls] == [403] * 5
    assert User.objects.count() == 2


def test_the_rows_are_shown_page_by_page_and_by_what_they_are(payment: Payment, operator: Browser) -> None:
    bulk = made(operator, *[f"order-{number};0.01" for number in range(1, 251)])
    page = text_of(operator, page_of(bulk))
    assert "Page 1 of 3" in page
    assert "Page 2 of 3" in text_of(operator, f"{page_of(bulk)}?show=refused&page=2")
    waiting = text_of(operator, f"{page_of(bulk)}?show=waiting")
    assert "Waiting (1)" in waiting
    assert "Page" not in waiting.partition('id="rows"')[2]


@pytest.mark.parametrize("address", ["?show=nonsense&page=x", "?page=999", "?page=-1"])
def test_an_address_that_makes_no_sense_shows_the_list(payment: Payment, operator: Browser, address: str) -> None:
    bulk = made(operator, f"{payment.pk},30.00")
    assert payment.pk in text_of(operator, page_of(bulk) + address)


def test_a_list_that_does_not_exist_is_not_found(operator: Browser) -> None:
    unknown = new_bulk_id()
    urls = (f"{LIST}{unknown}/change/", f"{LIST}{unknown}/do/start/", f"{LIST}x/result.csv", f"{ADD}?again={unknown}")
    assert [operator.get(url).status_code for url in urls] == [404] * 4


def test_the_page_costs_the_same_however_long_the_list_is(
    payment: Payment, operator: Browser, django_assert_max_num_queries: Any
) -> None:
    bulk = made(operator, *[f"order-{number};0.01" for number in range(1, 151)])
    with django_assert_max_num_queries(30):
        text_of(operator, page_of(bulk))
