"""docs/sandbox.md says what is so: its tables of faults, and the examples that readers copy."""

import json
import re
from pathlib import Path

from django.conf import settings

from payments.gateways.sandbox import webhooks
from payments.gateways.sandbox.breakage import KINDS, OUTAGE
from payments.gateways.sandbox.config import DEMO_BEARER
from payments.gateways.sandbox.faults import OPERATIONS
from tests.sandbox import SandboxProcess

PAGE = (Path(__file__).parents[4] / "docs" / "sandbox.md").read_text()


def names_in(heading: str) -> list[tuple[str, str]]:
    """Return name and meaning of each row of the table whose first column is `heading`."""
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return re.findall(r"^\| `(\w+)` \| (.+?) \|", table, re.MULTILINE)


def test_the_table_of_kinds_lists_each_with_a_meaning() -> None:
    rows = names_in("kind")
    of_webhooks = [name for name, meaning in rows if meaning.startswith("webhook: ")]
    others = [name for name, meaning in rows if not meaning.startswith("webhook: ")]
    assert sorted(of_webhooks) == sorted(webhooks.KINDS)
    assert sorted(others) == sorted((*KINDS, OUTAGE))


def test_the_table_of_operations_lists_all() -> None:
    assert [name for name, _ in names_in("operation")] == list(OPERATIONS)


def test_the_bearer_is_the_demos() -> None:
    assert DEMO_BEARER == settings.DEMO_GATEWAY_SECRET
    assert set(re.findall(r"Bearer (\w+)", PAGE)) == {DEMO_BEARER}


def test_the_examples_can_be_copied(sandbox: SandboxProcess) -> None:
    bodies = re.findall(r"^  -d '(\{.*\})'$", PAGE, re.MULTILINE)
    assert [json.loads(body)["kind"] for body in bodies] == ["execute_then_close", "decline", OUTAGE]
    # The last one would end the gateway for a minute: it is read like the others, and only they are armed.
    for body in bodies[:2]:
        assert sandbox.call("POST", "/control/faults", data=body).status_code == 201
    assert [fault["kind"] for fault in sandbox.faults()] == ["execute_then_close", "decline"]
