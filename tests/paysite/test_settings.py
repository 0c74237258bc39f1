"""Settings: documented, and refused where they make no sense."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from paysite import environment as env

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_from_the_environment_is_documented() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "paysite" / "settings.py").read_text()))
    documented = set(re.findall(r"`((?:PAYSITE|DATABASE)_[A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text()))
    assert read == documented


@pytest.mark.parametrize(("text", "value"), [("1", True), ("yes", True), ("off", False), ("", True), (" 0 ", False)])
def test_a_flag_is_yes_or_no(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("A_FLAG", text)
    assert env.flag("A_FLAG", default=True) is value


def test_a_flag_that_is_neither_says_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_FLAG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="Set it to 1 or 0"):
        env.flag("A_FLAG", default=True)


@pytest.mark.parametrize("text", ["x", "1.5", "0", "11"])
def test_a_number_out_of_range_says_the_range(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("A_NUMBER", text)
    with pytest.raises(ImproperlyConfigured, match=r"Set it to 1 … 10\."):
        env.integer("A_NUMBER", 5, least=1, most=10)


def test_a_choice_lists_what_may_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_CHOICE", "staging")
    with pytest.raises(ImproperlyConfigured, match="demo, production"):
        env.choice("A_CHOICE", "demo", ("demo", "production"))


def test_without_a_url_the_database_is_embedded(tmp_path: Path) -> None:
    found = env.database("", tmp_path)
    assert (found["ENGINE"], found["NAME"]) == ("django.db.backends.sqlite3", tmp_path / "paysite.sqlite3")
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_a_postgresql_url_is_read_with_its_escapes(tmp_path: Path) -> None:
    found = env.database("postgresql://us%40er:p%3Aw@db.internal:5433/pay?sslmode=require", tmp_path)
    wanted = {"USER": "us@er", "PASSWORD": "p:w", "HOST": "db.internal", "PORT": "5433", "NAME": "pay"}
    assert {name: found[name] for name in wanted} == wanted
    assert found["OPTIONS"]["sslmode"] == "require"


def test_nothing_waits_for_postgresql_without_an_end(tmp_path: Path) -> None:
    found = env.database("postgresql://db/pay", tmp_path)["OPTIONS"]
    assert found["connect_timeout"] == "5"
    assert found["options"] == "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000 -c jit=off"


@pytest.mark.parametrize("url", ["mysql://localhost/pay", "postgresql://localhost", "localhost/pay"])
def test_another_database_url_says_what_to_write(tmp_path: Path, url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="postgresql://user:password@host:port/name"):
        env.database(url, tmp_path)
