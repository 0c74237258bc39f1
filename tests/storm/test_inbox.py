"""The shop's inbox that storms and crash suites use: what it refuses, and what is left when it was killed."""

import json
from pathlib import Path

import requests

from tests.invariants.read_inboxes import read_inboxes
from tests.support.inbox import inbox_process

_LINE = {"id": "evt_0", "timestamp": "1", "signature": "v1,x", "body": "{}"}


def test_while_it_refuses_it_takes_nothing(tmp_path: Path) -> None:
    with inbox_process(tmp_path / "inbox.jsonl") as inbox:
        assert _ask("PUT", inbox.url, "/refuse/60") == 204
        assert _tell(inbox.url, "evt_1") == 500
        assert _ask("PUT", inbox.url, "/refuse/0") == 204
        assert _tell(inbox.url, "evt_2") == 204
        assert [one.id for one in read_inboxes([inbox.log])] == ["evt_2"]


def test_a_line_that_a_kill_cut_off_spoils_none_that_come_later(tmp_path: Path) -> None:
    log = tmp_path / "inbox.jsonl"
    log.write_text(json.dumps(_LINE) + "\n" + json.dumps(_LINE)[:20])
    with inbox_process(log) as inbox:
        assert _tell(inbox.url, "evt_1") == 204
        assert [one.id for one in read_inboxes([log])] == ["evt_0", "evt_1"]


def _tell(url: str, event_id: str) -> int:
    headers = {"webhook-id": event_id, "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    return _ask("POST", url, "/events", headers=headers, data="{}")


def _ask(method: str, url: str, path: str, headers: dict[str, str] | None = None, data: str | None = None) -> int:
    with requests.Session() as session:
        session.trust_env = False
        address = url.removesuffix("/events") + path
        return session.request(method, address, headers=headers, data=data, timeout=10).status_code
