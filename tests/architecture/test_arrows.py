"""The arrows of the architecture: who may import whom (docs/architecture.md)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Inside payments, from the top down: a room may import its own level's files and everything below, never upward.
LEVELS = [
    {"checkout", "api", "admin", "webhooks", "tasks", "management", "apps"},
    {"services", "queries", "metrics"},
    {"reliability", "ledger", "audit", "events", "outcomes", "representation"},
    {"bulk", "clock", "declines", "free_text", "words", "idempotency", "guards", "notices", "prepared", "standing"},
    {"models"},
    {"gateways"},
    {"states", "money", "ids", "crash_points"},
]
# Rooms of one level that may not know each other, although neither is above the other.
APART = [("api", "checkout"), ("checkout", "admin"), ("api", "admin")]


def modules(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts)


def imports(path: Path) -> set[str]:
    """Return the dotted names that `path` imports, from anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(dotted: str) -> str | None:
    """Return the room of payments that a dotted name lies in."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "payments" and len(parts) > 1 else None


def level(name: str) -> int:
    return next(number for number, rooms in enumerate(LEVELS) if name in rooms)


def rooms_of_payments() -> set[str]:
    return {path.relative_to(ROOT / "payments").parts[0].removesuffix(".py") for path in modules("payments")} - {
        "__init__"
    }


def test_every_room_of_payments_has_its_level() -> None:
    assert rooms_of_payments() <= {name for rooms in LEVELS for name in rooms}


@pytest.mark.parametrize("path", modules("payments"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_inside_payments_never_go_up(path: Path) -> None:
    own = path.relative_to(ROOT / "payments").parts[0].removesuffix(".py")
    if own == "__init__":
        return
    upward = [name for name in imports(path) if (other := room(name)) and level(other) < level(own)]
    assert upward == []


@pytest.mark.parametrize("path", modules("payments"), ids=lambda path: str(path.relative_to(ROOT)))
def test_payments_knows_nothing_above_it(path: Path) -> None:
    assert [name for name in imports(path) if name.split(".")[0] in {"paysite", "refunds", "disputes", "tests"}] == []


@pytest.mark.parametrize(("own", "other"), [("refunds", "disputes"), ("disputes", "refunds")])
def test_refunds_and_disputes_do_not_know_each_other(own: str, other: str) -> None:
    for path in modules(own):
        assert [name for name in imports(path) if name.split(".")[0] in {other, "paysite"}] == []


# Inside refunds and disputes, from the top down, as in payments.
UPPER_LEVELS = [
    {"admin", "api", "apps", "schema"},
    {"outcomes", "metrics"},
    {"services", "queries", "messages", "told"},
    {"rules", "events", "reading", "proactive"},
    {"representation"},
    {"guards", "models"},
    {"states"},
]


@pytest.mark.parametrize(
    "path", [*modules("refunds"), *modules("disputes")], ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_inside_refunds_and_disputes_never_go_up(path: Path) -> None:
    app, own = (part.removesuffix(".py") for part in path.relative_to(ROOT).parts[:2])
    if own == "__init__":
        return

    def level_of(room: str) -> int:
        return next(number for number, rooms in enumerate(UPPER_LEVELS) if room in rooms)

    ours = {name.split(".")[1] for name in imports(path) if name.startswith(f"{app}.")}
    assert [other for other in ours if level_of(other) < level_of(own)] == []
    assert {own, *ours} & {"admin", "api"} != {"admin", "api"}


@pytest.mark.parametrize("path", modules("payments/gateways"), ids=lambda path: str(path.relative_to(ROOT)))
def test_gateways_know_only_money_and_themselves(path: Path) -> None:
    ours = {name for name in imports(path) if name.startswith("payments.")}
    assert [name for name in ours if not name.startswith(("payments.gateways", "payments.money"))] == []
    assert [name for name in imports(path) if name.split(".")[0] == "django"] == []


@pytest.mark.parametrize(("one", "two"), APART)
def test_rooms_side_by_side_do_not_know_each_other(one: str, two: str) -> None:
    for own, other in ((one, two), (two, one)):
        for path in modules(f"payments/{own}"):
            assert [name for name in imports(path) if room(name) == other] == []


def test_only_the_one_way_out_calls_a_gateway() -> None:
    callers = {
        str(path.relative_to(ROOT))
        for path in modules("payments")
        if "gateways" not in path.parts
        and {"gateway_named(attempt.gateway).charge", ".look_up(request)"} & set(calls(path))
    }
    assert callers == {"payments/reliability/calls.py"}


def calls(path: Path) -> list[str]:
    text = path.read_text()
    return [needle for needle in ("gateway_named(attempt.gateway).charge", ".look_up(request)") if needle in text]


def test_no_file_outside_gateways_speaks_http_by_itself() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for package in ("payments", "refunds", "disputes")
        for path in modules(package)
        if "gateways" not in path.parts
        and {"requests", "urllib3", "http"} & {name.split(".")[0] for name in imports(path)}
    ]
    assert offenders == []
