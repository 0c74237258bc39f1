"""What the customer's page says about refunds, word for word, and how it is read."""

import re
from datetime import timedelta
from typing import Any

from django.test import Client as Browser

from payments.audit import Because
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import CheckoutSession, OperatorTask, Payment
from payments.services.close_task import close_task
from refunds.models import Refund
from tests.refunds.telling import sent, told

SUCCESSFUL = "Your payment was successful."
BOB = Because("operator:bob", "request:bob")


def given(amount: str) -> str:
    return f"{SUCCESSFUL} We have given {amount} back to you; banks may take some days to show it."


def on_its_way(amount: str) -> str:
    return (
        f"We are giving {amount} back to you. This is under way and not done yet; you need not do anything. "
        "Once it is done, banks may take some days to show it."
    )


def came_back(amount: str) -> str:
    return (
        f"We had given {amount} back to you, but your bank returned it to us. "
        "Our team is seeing to it; you need not do anything."
    )


def not_given(amount: str) -> str:
    return f"We could not give {amount} back to you yet. Our team is seeing to it; you need not do anything."


SOME_LOST = (
    "Some of the money that we wanted to give back to you has not reached you yet. "
    "Our team is seeing to it; you need not do anything."
)


def session_of(payment: Payment) -> CheckoutSession:
    session, _ = CheckoutSession.objects.get_or_create(
        client_id=payment.client_id,
        order_id=payment.order_id,
        return_url="https://shop.test/thanks",
        defaults={"expires_at": database_now() + timedelta(hours=48)},
    )
    return session


def page_of(payment: Payment) -> tuple[list[str], bool]:
    """Return the sentences of the customer's page, and whether it is at its end; its poll tells the same."""
    path, browser = f"/checkout/{session_of(payment).token}/status", Browser()
    reply = browser.get(path)
    assert reply.status_code == 200
    page = reply.content.decode()
    said = re.search(r"</h1>(.*?)<dl", page, re.DOTALL)
    tag = re.search(r'data-tag="(\w+)" data-final="(true|false)"', page)
    assert said is not None
    assert tag is not None
    is_final = tag[2] == "true"
    assert browser.get(f"{path}.json").json() == {"tag": tag[1], "final": is_final}
    return re.findall("<p>(.*?)</p>", said[1]), is_final


def failed(payment: Payment, amount: int, key: str, **more: Any) -> Refund:
    return told(sent(payment.client, amount, key, payment), Kind.DECLINED, decline_code="refused", **more)


def closed_by_people() -> None:
    for task in OperatorTask.objects.filter(closed_at__isnull=True):
        close_task(task_id=task.pk, operator="bob", because=BOB, resolution="Paid by bank transfer.")
