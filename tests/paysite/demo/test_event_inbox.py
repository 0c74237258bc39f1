"""The demo shop's inbox: believes what Paysite signed, shows what came, and misbehaves when it is told to."""

import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from pytest_django import Settings
from standardwebhooks import Webhook

from paysite.demo.event_inbox.address import DEMO_SIGNING_SECRET
from paysite.demo.event_inbox.store import Store

FORM: Final = "application/x-www-form-urlencoded"
OTHER_SECRET: Final = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="


class RunningInbox:
    """One inbox process on a free port, with a file of its own."""

    def __init__(self, database: Path) -> None:
        command = [sys.executable, "-u", str(settings.BASE_DIR / "manage.py"), "demo_shop_inbox", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--database", str(database)], stdout=subprocess.PIPE, env=os.environ.copy(), text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("The demo shop's inbox listens on http://127.0.0.1:"), line
        self.port = int(line.rsplit(":", 1)[1])

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def post(self, event: dict[str, Any] | bytes, event_id: str, *, secret: str = DEMO_SIGNING_SECRET) -> int:
        """Deliver a signed event; return the status."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        now = datetime.now(UTC)
        signature = Webhook(secret).sign(event_id, now, body.decode())
        timestamp = str(int(now.timestamp()))
        headers = {"webhook_id": event_id, "webhook_timestamp": timestamp, "webhook_signature": signature}
        return self.ask("POST", "/events", body, **headers)[0]

    def events(self, event_id: str) -> list[dict[str, Any]]:
        """Return what it keeps under an id."""
        status, text = self.ask("GET", "/events.json")
        assert status == 200
        return [each for each in json.loads(text)["events"] if each["id"] == event_id]

    def answer(self, answer: str) -> int:
        return self.ask("POST", "/control", json.dumps({"answer": answer}).encode())[0]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInbox]:
    inbox = RunningInbox(tmp_path_factory.mktemp("inbox") / "inbox.sqlite3")
    yield inbox
    assert inbox.stop() == 0


@pytest.fixture
def inbox(running: RunningInbox) -> Iterator[RunningInbox]:
    yield running
    assert running.answer("ok") == 200


def event(number: int = 1, **data: Any) -> dict[str, Any]:
    data = {"paymentID": "pay_1", "amount": 12.5, "currency": "USD", **data}
    return {"type": "payment.succeeded", "sequence": number, "data": data}


def test_a_signed_event_is_taken_and_kept(inbox: RunningInbox) -> None:
    assert inbox.post(event(3), "evt_taken") == 204
    (kept,) = inbox.events("evt_taken")
    assert (kept["type"], kept["payment"], kept["sequence"]) == ("payment.succeeded", "pay_1", 3)
    assert (kept["verified"], kept["times"]) == (True, 1)
    assert json.loads(kept["body"]) == event(3)
    assert (datetime.now(UTC) - datetime.fromisoformat(kept["at"])).total_seconds() < 10


def test_an_event_that_comes_again_is_counted_and_shown_once(inbox: RunningInbox) -> None:
    assert [inbox.post(event(), "evt_again") for _ in range(3)] == [204, 204, 204]
    assert [kept["times"] for kept in inbox.events("evt_again")] == [3]
    assert "came 3 times" in inbox.ask("GET", "/")[1]


def test_a_foreign_signature_is_refused_and_touches_nothing_that_is_believed(inbox: RunningInbox) -> None:
    assert inbox.post(event(amount=1), "evt_forged") == 204
    assert inbox.post(event(amount=9_999), "evt_forged", secret=OTHER_SECRET) == 400
    forged, true = inbox.events("evt_forged")
    assert (forged["verified"], true["verified"], true["times"]) == (False, True, 1)
    assert json.loads(true["body"])["data"]["amount"] == 1
    page = inbox.ask("GET", "/")[1]
    assert "Signature wrong: not believed" in page
    assert "A shop must not act on it." in page
    assert '<span class="amount">9999 USD</span>' not in page


@pytest.mark.parametrize("signature", ["", "v1", "v1,????", "v1,A", "é"])
def test_a_malformed_signature_is_refused(inbox: RunningInbox, signature: str) -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    headers = {"webhook_id": "evt_malformed", "webhook_timestamp": now, "webhook_signature": signature}
    assert inbox.ask("POST", "/events", b"{}", **headers)[0] == 400
    assert all(not kept["verified"] for kept in inbox.events("evt_malformed"))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"data": 1, "sequence": true, "type": 5}', b"[" * 9999])
def test_a_signed_body_of_any_form_is_kept_and_shown(inbox: RunningInbox, body: bytes) -> None:
    name = f"evt_form{len(body)}"
    assert inbox.post(body, name) == 204
    (kept,) = inbox.events(name)
    assert (kept["type"], kept["payment"], kept["sequence"], kept["body"]) == ("", "", 0, body.decode())
    assert inbox.ask("GET", "/")[0] == 200


def test_it_says_how_many_it_shows_of_how_many_there_were(tmp_path: Path) -> None:
    store = Store(tmp_path / "inbox.sqlite3")
    assert (store.ever(), store.newest()) == (0, [])
    for number in range(1, 1302):
        for _ in range(1 + number % 2):
            store.add(f"evt_{number}", b"{}", verified=True)
    assert (store.ever(), len(store.newest()), len(store.newest(5000))) == (1301, 200, 1000)
    store.close()

    running = RunningInbox(tmp_path / "inbox.sqlite3")
    assert '<span id="count" role="status">Newest 200 of 1,301 events</span>' in running.ask("GET", "/")[1]
    listed = json.loads(running.ask("GET", "/events.json")[1])
    assert (listed["ever"], len(listed["events"])) == (1301, 200)
    assert running.stop() == 0


def test_with_few_events_it_says_their_number_alone(tmp_path: Path) -> None:
    running = RunningInbox(tmp_path / "inbox.sqlite3")
    counts = []
    for number in range(3):
        counts.append(re.findall('id="count" role="status">(.*?)<', running.ask("GET", "/")[1])[0])
        assert running.post(event(), f"evt_{number}") == 204
    assert counts == ["No events yet", "1 event", "2 events"]
    assert json.loads(running.ask("GET", "/events.json")[1])["ever"] == 3
    assert running.stop() == 0


def test_a_file_from_before_the_count_begins_with_what_it_keeps(tmp_path: Path) -> None:
    store = Store(tmp_path / "inbox.sqlite3")
    for number in range(3):
        store.add(f"evt_{number}", b"{}", verified=True)
    store.close()
    with closing(sqlite3.connect(tmp_path / "inbox.sqlite3")) as before, before:
        before.executescript("DROP TRIGGER another; DROP TABLE ever;")
    store = Store(tmp_path / "inbox.sqlite3")
    store.add("evt_3", b"{}", verified=False)
    assert store.ever() == 4
    store.close()


def test_what_is_in_an_event_is_text_on_the_page(inbox: RunningInbox) -> None:
    assert inbox.post(event(paymentID="<script>alert(1)</script>"), "evt_<b>") == 204
    page = inbox.ask("GET", "/")[1]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "evt_&lt;b&gt;" in page


def test_an_amount_is_shown_as_it_was_written(inbox: RunningInbox) -> None:
    body = b'{"type": "payment.succeeded", "sequence": 1, "data": {"amount": 12.50, "currency": "USD"}}'
    assert inbox.post(body, "evt_amount") == 204
    page = inbox.ask("GET", "/")[1]
    assert '<span class="amount">12.50 USD</span>' in page
    assert "&quot;amount&quot;: 12.50," in page


@pytest.mark.parametrize("answer", ["500", "410"])
def test_it_answers_as_it_was_told_to_and_takes_nothing(inbox: RunningInbox, answer: str) -> None:
    assert inbox.answer(answer) == 200
    assert inbox.post(event(), f"evt_{answer}") == int(answer)
    assert inbox.events(f"evt_{answer}") == []
    assert f"answers every event with {answer}" in inbox.ask("GET", "/")[1]
    assert inbox.answer("ok") == 200
    assert inbox.post(event(), f"evt_{answer}") == 204


def test_the_form_on_the_page_sets_the_answer_and_leads_back(inbox: RunningInbox) -> None:
    own = f"http://127.0.0.1:{inbox.port}"
    assert inbox.ask("POST", "/control", b"answer=410", Content_Type=FORM, Origin=own)[0] == 303
    assert json.loads(inbox.ask("GET", "/events.json")[1])["answer"] == "410"


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null"])
def test_a_page_of_another_site_sets_nothing(inbox: RunningInbox, origin: str) -> None:
    assert inbox.ask("POST", "/control", b"answer=410", Content_Type=FORM, Origin=origin)[0] == 403
    assert json.loads(inbox.ask("GET", "/events.json")[1])["answer"] == "ok"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"answer": "teapot"}', b'{"answer": null}', b"[]"])
def test_an_answer_that_it_does_not_know_is_refused(inbox: RunningInbox, body: bytes) -> None:
    assert inbox.ask("POST", "/control", body)[0] == 400
    assert json.loads(inbox.ask("GET", "/events.json")[1])["answer"] == "ok"


def test_no_foreign_name_leads_to_it(inbox: RunningInbox) -> None:
    assert inbox.ask("GET", "/events.json", Host=f"rebound.example:{inbox.port}")[0] == 421


def test_an_event_that_is_too_large_is_refused(inbox: RunningInbox) -> None:
    assert inbox.post(b'"' + b"x" * 300_000 + b'"', "evt_large") == 413
    assert inbox.events("evt_large") == []


def test_slow_answers_do_not_keep_it_from_ending_and_what_it_took_is_kept(tmp_path: Path) -> None:
    inbox = RunningInbox(tmp_path / "inbox.sqlite3")
    assert inbox.post(event(), "evt_before") == 204
    assert inbox.answer("slow") == 200
    waiting = http.client.HTTPConnection("127.0.0.1", inbox.port, timeout=10)
    body, now = json.dumps(event()), datetime.now(UTC)
    signature = Webhook(DEMO_SIGNING_SECRET).sign("evt_slow", now, body)
    headers = {"webhook-id": "evt_slow", "webhook-timestamp": str(int(now.timestamp()))}
    waiting.request("POST", "/events", body, {**headers, "webhook-signature": signature})
    while not inbox.events("evt_slow"):
        pass
    assert inbox.stop() == 0
    waiting.close()
    again = RunningInbox(tmp_path / "inbox.sqlite3")
    assert [len(again.events(name)) for name in ("evt_before", "evt_slow")] == [1, 1]
    assert again.stop() == 0


def test_it_is_for_the_demo_alone(settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="for the demo alone"):
        call_command("demo_shop_inbox", "--port", "0")
