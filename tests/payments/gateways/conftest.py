"""A real sandbox gateway for the tests of one file."""

from collections.abc import Iterator

import pytest

from tests.sandbox import SandboxProcess, sandbox_process


@pytest.fixture(scope="module")
def _running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox") / "primary.sqlite3") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_running_sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """A gateway without faults; its ledger is shared by the tests of a file, so each uses ids of its own."""
    yield _running_sandbox
    _running_sandbox.clear_faults()
    _running_sandbox.set_latency(0)
