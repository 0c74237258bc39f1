"""What a fresh machine sees, run with this Python and no packages but its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from paysite import launcher_environment
from paysite.launcher_environment import SetupError
from paysite.launcher_steps import Counts
from paysite.launcher_tests import _split


def paysite(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    # -S: without site-packages, so that an import of anything but the standard library fails here.
    command = [sys.executable, "-S", str(settings.BASE_DIR / "paysite"), *arguments]
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)


def test_without_a_command_the_commands_are_listed_from_any_folder(tmp_path: Path) -> None:
    done = paysite(cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python3 -m paysite COMMAND")


def test_an_unknown_command_is_refused_with_the_list(tmp_path: Path) -> None:
    done = paysite("fly", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("usage: python3 -m paysite COMMAND")


def test_the_test_command_parses_its_options_without_any_package(tmp_path: Path) -> None:
    done = paysite("test", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "--fast" in done.stdout


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr("paysite.launcher_environment.importlib.util.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"apt-get install python3\.\d+-venv"):
        launcher_environment._create()
    assert not (tmp_path / ".venv").exists()


def test_packages_that_cannot_be_installed_are_reported_and_tried_again_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launcher_environment, "ROOT", tmp_path)
    monkeypatch.setattr(launcher_environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(launcher_environment, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(launcher_environment, "_works", lambda: True)
    (tmp_path / ".venv").mkdir()
    (tmp_path / "requirements.txt").write_text("no-such-package==1 --hash=sha256:" + "0" * 64)
    for variable, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(variable, value)
    for _ in range(2):
        with pytest.raises(SetupError, match=r"pip could not install the packages of requirements\.txt"):
            launcher_environment.make("requirements.txt")
    assert capfd.readouterr().err.count("No matching distribution found for no-such-package==1") == 2


def test_counts_of_several_reports_are_added_up(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="10" failures="1" errors="2" skipped="3"/></testsuites>')
    counts = Counts()
    counts.add(report)
    counts.add(report)
    assert str(counts) == "8 passed, 6 failed, 6 skipped"


def test_arguments_after_two_dashes_are_for_pytest() -> None:
    assert _split(["--fast", "--", "-k", "money"]) == (["--fast"], ["-k", "money"])
    assert _split(["--fast"]) == (["--fast"], [])
