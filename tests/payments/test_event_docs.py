"""docs/events.md says what is so: its table of types, and the example that checks a signature."""

import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from payments import events
from payments.services.delivery_schedule import WAITS

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text()


def test_the_table_lists_exactly_the_event_types_with_what_they_mean() -> None:
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    assert dict(rows) == events.TYPES
    assert len(rows) == len(events.TYPES)


def test_the_example_takes_our_signature_and_no_other() -> None:
    secret = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()
    example = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Webhook(" in block)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - the point is to run what readers copy
    names["SECRET"] = secret
    now, body = datetime.now(UTC), '{"id":"evt_1"}'
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt_1", now, body),
    }
    assert names["is_ours"](body.encode(), headers) is True
    assert names["is_ours"](b'{"id":"evt_2"}', headers) is False
    assert names["is_ours"](body.encode(), {**headers, "webhook-timestamp": "1"}) is False
    assert names["is_ours"](body.encode(), {}) is False


def test_the_waits_between_tries_are_those_of_the_code() -> None:
    found = re.search(r"tried again after (.*?), each up to", PAGE)
    assert found is not None
    units = {"s": 1, "min": 60, "h": 3600}
    seconds = [int(number) * units[unit] for number, unit in (text.split() for text in found[1].split(", "))]
    assert seconds == [wait.total_seconds() for wait in WAITS]
