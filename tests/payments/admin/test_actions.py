"""What operators may do to payments: only what is legal, never by GET, always with a reason, always on record."""

import pytest
from django.test import Client as Browser

from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, Payment
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import accepted, after, reload, sent

pytestmark = pytest.mark.django_db


def page_of(payment: Payment) -> str:
    return f"/admin/payments/payment/{payment.pk}/change/"


def act_of(payment: Payment, slug: str) -> str:
    return f"/admin/payments/payment/{payment.pk}/do/{slug}/"


def everything() -> list[object]:
    """Return all that an act could have changed."""
    return [
        *Payment.objects.order_by("pk").values_list("pk", "status", "due_at", "updated_at"),
        *Attempt.objects.order_by("pk").values_list("pk", "state"),
        AuditEntry.objects.count(),
    ]


def last_entry() -> tuple[str, str, str, str, str, str]:
    entry = AuditEntry.objects.latest("id")
    return (entry.action, entry.actor, entry.cause, entry.reason, entry.before, entry.after)


def test_only_legal_acts_are_offered_and_the_others_say_why_not(shop: Client, operator: Browser) -> None:
    fresh, unknown = accepted(shop, "k1", order="o1"), after(sent(shop, "k2", order="o2"), Kind.UNKNOWN)
    paid = after(sent(shop, "k3", order="o3"), Kind.SUCCEEDED)
    pages = {name: text_of(operator, page_of(row)) for name, row in [("u", unknown), ("p", paid)]}
    assert act_of(unknown, "ask") in pages["u"]
    assert act_of(unknown, "cancel") not in pages["u"]
    assert "A charge is open at a gateway" in pages["u"]
    assert "/do/" not in pages["p"]
    assert "The payment is paid. Canceling cannot give the money back." in pages["p"]
    # `fresh` was claimed along with the others.
    assert "its answer is waited for" in text_of(operator, page_of(fresh))


def test_asking_makes_the_payment_due_now_and_is_on_record(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop), Kind.UNKNOWN)
    assert payment.due_at is not None
    response = operator.post(act_of(payment, "ask"), {"reason": "customer called"})
    assert response.status_code == 302
    assert response["Location"] == page_of(payment)
    now = reload(payment)
    assert now.due_at is not None
    assert now.due_at < payment.due_at
    assert now.due_at == now.updated_at
    assert last_entry() == (
        "payment.asked_now",
        "operator:anna",
        "console:ask",
        "customer called",
        "processing",
        "processing",
    )


def test_canceling_ends_a_payment_that_was_never_sent(shop: Client, operator: Browser) -> None:
    payment = accepted(shop)
    assert act_of(payment, "cancel") in text_of(operator, page_of(payment))
    operator.post(act_of(payment, "cancel"), {"reason": "ordered twice"})
    assert (reload(payment).status, reload(payment).due_at) == ("canceled", None)
    assert last_entry() == (
        "payment.canceled",
        "operator:anna",
        "console:cancel",
        "ordered twice",
        "pending",
        "canceled",
    )


def test_a_payment_whose_attempt_provably_was_not_sent_can_be_canceled(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop), Kind.NOT_SENT)
    operator.post(act_of(payment, "cancel"), {"reason": "gateway is down"})
    assert reload(payment).status == "canceled"


@pytest.mark.parametrize(
    ("kind", "slug"),
    [
        (Kind.SUCCEEDED, "cancel"),
        (Kind.UNKNOWN, "cancel"),
        (Kind.ACTION_REQUIRED, "cancel"),
        (Kind.DECLINED, "cancel"),
        (Kind.SUCCEEDED, "ask"),
        (Kind.DECLINED, "ask"),
        (Kind.NOT_SENT, "ask"),
    ],
)
def test_an_illegal_act_is_refused_and_changes_nothing(shop: Client, operator: Browser, kind: Kind, slug: str) -> None:
    payment = after(sent(shop), kind)
    before = everything()
    assert "This cannot be done now." in text_of(operator, act_of(payment, slug))
    page = operator.post(act_of(payment, slug), {"reason": "I insist"}, follow=True).content.decode()
    assert "Nothing was changed." in page
    assert everything() == before


def test_a_charge_that_is_under_way_is_not_asked_about(shop: Client, operator: Browser) -> None:
    attempt = sent(shop)
    before = everything()
    operator.post(act_of(attempt.payment, "ask"), {"reason": "now"})
    assert everything() == before


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_nothing_is_done_without_a_reason_that_fits(shop: Client, operator: Browser, reason: str) -> None:
    payment = accepted(shop)
    before = everything()
    assert operator.post(act_of(payment, "cancel"), {"reason": reason}).status_code == 200
    assert everything() == before


def test_a_get_only_asks(shop: Client, operator: Browser) -> None:
    payment = accepted(shop)
    before = everything()
    page = text_of(operator, f"{act_of(payment, 'cancel')}?reason=because")
    assert "This cannot be undone." in page
    assert everything() == before


def test_a_viewer_sees_no_acts_and_is_refused(shop: Client, viewer: Browser) -> None:
    payment = accepted(shop)
    page = text_of(viewer, page_of(payment))
    assert "What you can do" not in page
    assert "/do/" not in page
    before = everything()
    assert viewer.get(act_of(payment, "cancel")).status_code == 403
    assert viewer.post(act_of(payment, "cancel"), {"reason": "let me"}).status_code == 403
    assert everything() == before


def test_a_post_without_the_csrf_token_is_refused(shop: Client, operator: Browser) -> None:
    payment = accepted(shop)
    before = everything()
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(act_of(payment, "cancel"), {"reason": "from elsewhere"}).status_code == 403
    assert everything() == before


def test_who_is_not_logged_in_is_sent_to_the_login(shop: Client) -> None:
    payment = accepted(shop)
    before = everything()
    response = Browser().post(act_of(payment, "cancel"), {"reason": "hello"})
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")
    assert everything() == before


def test_acts_and_payments_that_do_not_exist_are_not_found(shop: Client, operator: Browser) -> None:
    assert operator.get(act_of(accepted(shop), "refund")).status_code == 404
    assert operator.post("/admin/payments/payment/pay_none/do/cancel/", {"reason": "x"}).status_code == 404
