"""The status page as a customer's browser gets it."""

import re

from django.test import Client as Browser

from payments.models import CheckoutSession


def status_text(browser: Browser, session: CheckoutSession, query: str = "") -> str:
    reply = browser.get(f"/checkout/{session.token}/status{query}")
    assert reply.status_code == 200
    return re.sub(r"\s+", " ", reply.content.decode())


def tag_and_end(browser: Browser, session: CheckoutSession, query: str = "") -> tuple[str, bool]:
    answer = browser.get(f"/checkout/{session.token}/status.json{query}").json()
    assert answer.keys() == {"tag", "final"}
    return answer["tag"], answer["final"]
