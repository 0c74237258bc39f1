"""People at the console, and payments to refund: most are captured without any gateway having to run."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from payments.admin.roles import OPERATOR, SUPERVISOR, VIEWER
from payments.audit import Because
from payments.clock import database_now
from payments.gateways.base import Kind, Outcome
from payments.models import AuditEntry, Client, LedgerPosting, Payment
from payments.services.settle import Settler
from refunds.admin.may import limits_of
from refunds.models import Refund, RefundAttempt
from refunds.services import claim as refund_claim
from refunds.services.heard import Heard, heard
from refunds.services.request import Wanted, request
from tests.payments.admin.conftest import administrator, browser_of, operator, text_of, viewer
from tests.payments.conftest import BECAUSE, after, api_key, reload, sent, shop
from tests.refunds.conftest import captured
from tests.sandbox import SandboxProcess

__all__ = ["administrator", "api_key", "operator", "shop", "text_of", "viewer"]

NONCE = "AAAAAAAAAAAAAAAAAAAAAA"
OTHER = "B" * 22
ROLES = (VIEWER, OPERATOR, SUPERVISOR)


@pytest.fixture
def supervisor(db: None) -> Browser:
    return browser_of("sue", SUPERVISOR)


def paid(shop: Client, key: str = "k1", **changes: Any) -> Payment:
    """Return a payment that was captured: 100.00 USD of an order of the same name as its key."""
    attempt = sent(shop, key, **{"amount": 10_000, "order": key, **changes})
    return after(attempt, Kind.SUCCEEDED, reference=f"ch_{key}")


def page_of(payment: Payment) -> str:
    return f"/admin/payments/payment/{payment.pk}/change/"


def form_of(payment: Payment, nonce: str = NONCE) -> str:
    return f"/admin/refunds/refund/of/{payment.pk}/?form={nonce}"


def url_of(refund: Refund) -> str:
    return f"/admin/refunds/refund/{refund.pk}/change/"


def act_of(refund: Refund, slug: str) -> str:
    return f"/admin/refunds/refund/{refund.pk}/do/{slug}/"


def said(amount: str = "30.00", **more: str) -> dict[str, str]:
    """Return what is typed into the form."""
    return {"amount": amount, "reason": "customer_request", "note": "", **more}


def confirmed(amount: str = "30.00", **more: str) -> dict[str, str]:
    """Return what the confirmation page sends."""
    return said(amount, confirmed="yes", **more)


def asked_by(name: str, payment: Payment, amount: int, key: str = "1") -> Refund:
    """Return the refund of `amount` minor units that the user `name` asked for at the console."""
    user = User.objects.get(username=name)
    wanted = Wanted(payment.pk, amount, "customer_request", "console", f"~console:{key}", limits=limits_of(user))
    return request(wanted, Because(f"operator:{name}", "console:refund")).refund


def under_way(refund: Refund) -> RefundAttempt:
    """Return the attempt of a refund that a worker has just taken up."""
    refund_claim.claim(BECAUSE, 100)
    return RefundAttempt.objects.filter(refund=refund).latest("number")


def told(attempt: RefundAttempt, kind: Kind, reason: str = "test", *, looked: bool = False, **more: Any) -> Refund:
    """Let `kind` be heard of the attempt; return its refund."""
    fence = Refund.objects.get(pk=attempt.refund_id).fence
    outcome = Outcome(kind, reason, **more)
    heard(Heard(attempt.refund_id, attempt.pk, outcome, BECAUSE, looked, not looked, fence, database_now()))
    return Refund.objects.get(pk=attempt.refund_id)


def everything() -> list[object]:
    """Return all that an act could have changed."""
    money = ("pk", "status", "refund_reserved", "refunded", "updated_at")
    return [
        *Payment.objects.order_by("pk").values_list(*money),
        *Refund.objects.order_by("pk").values_list("pk", "state", "due_at", "approved_by", "updated_at"),
        *RefundAttempt.objects.order_by("pk").values_list("pk", "state"),
        AuditEntry.objects.count(),
        LedgerPosting.objects.count(),
    ]


def words_of(browser: Browser, url: str) -> str:
    """Return the page's text, without tags, and with single blanks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text_of(browser, url)))


def money_of(payment: Payment) -> tuple[int, int]:
    """Return what is reserved for refunds of the payment, and what was refunded, in minor units."""
    row = reload(payment)
    return row.refund_reserved, row.refunded


@pytest.fixture
def payment(shop: Client, gateway: SandboxProcess, settler: Settler) -> Payment:
    """A payment of 200.00 USD that the gateway has really captured."""
    return captured(shop, settler, amount=20_000)
