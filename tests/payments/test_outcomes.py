"""Who sees to which events of gateways."""

from typing import Any

import pytest

from payments import outcomes


def test_the_longest_prefix_decides_who_sees_to_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "_handlers", {})
    outcomes.register("dispute.", lambda _: "all")
    outcomes.register("dispute.created", lambda _: "new")
    told: Any = None
    found = {type_: outcomes.handler_of(type_) for type_ in ("dispute.created", "dispute.closed", "charge.x")}
    assert {type_: handler and handler(told) for type_, handler in found.items()} == {
        "dispute.created": "new",
        "dispute.closed": "all",
        "charge.x": None,
    }
