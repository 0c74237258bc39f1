"""The card vault: a card typed at one gateway can be charged at the other; its number is nowhere (requirement B8)."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from payments.gateways.base import Kind
from payments.gateways.sandbox import fingerprints
from payments.gateways.sandbox.adapter import CAPABILITIES
from payments.gateways.sandbox.vault import Token, Vault
from paysite.running.heartbeat import Heartbeat
from paysite.running.plan import Plan
from tests.payments.gateways.builders import charge_request, gateway
from tests.sandbox import SandboxProcess, sandbox_process

CARD = "4242 4242 4242 4242"
OLD_LEDGER = """
CREATE TABLE charges (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, decline_code TEXT, action_url TEXT,
    brand TEXT NOT NULL, last4 TEXT NOT NULL, return_url TEXT NOT NULL, metadata TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE tokens (
    token TEXT PRIMARY KEY, scenario TEXT NOT NULL, brand TEXT NOT NULL, last4 TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO charges VALUES (NULL, 'ch_old', 'pay_old-a1', 'pay_old', 1000, 'USD', 'succeeded', NULL, NULL, 'visa',
    '4242', '', '{}', 1);
INSERT INTO tokens VALUES ('tok_kold', 'tok_insufficient_funds', 'visa', '9995', 1);
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SandboxProcess, SandboxProcess]]:
    """Two gateways with ledgers of their own and one vault."""
    folder = tmp_path_factory.mktemp("pair")
    vault = folder / "vault.sqlite3"
    with (
        sandbox_process(folder / "primary.sqlite3", vault=vault) as primary,
        sandbox_process(folder / "secondary.sqlite3", name="secondary", vault=vault) as secondary,
    ):
        yield primary, secondary


def mint(sandbox: SandboxProcess, number: str = CARD) -> str:
    card = {"number": number, "expiry": "12/40", "cvc": "123"}
    reply = sandbox.call("POST", "/v1/tokens", json=card, headers={"Origin": sandbox.url})
    return str(reply.json()["token"])


def fingerprint(sandbox: SandboxProcess, token: str) -> str:
    outcome = gateway(sandbox.url).charge(charge_request(token=token))
    assert outcome.card_fingerprint
    return outcome.card_fingerprint


def old_ledger(path: Path) -> Path:
    """Make the file of a gateway from before vaults and fingerprints."""
    with closing(sqlite3.connect(path)) as ledger:
        ledger.executescript(OLD_LEDGER)
    return path


def test_a_token_minted_at_one_gateway_is_charged_at_the_other(pair: tuple[SandboxProcess, SandboxProcess]) -> None:
    primary, secondary = pair
    for minting, charging in ((primary, secondary), (secondary, primary)):
        request = charge_request(token=mint(minting, "5555555555554444"))
        outcome = gateway(charging.url).charge(request)
        assert (outcome.kind, outcome.card_brand) == (Kind.SUCCEEDED, "mastercard")
        assert len(charging.charges(reference=request.payment_id)) == 1
        assert minting.charges(reference=request.payment_id) == []


def test_a_declining_card_declines_at_both_gateways(pair: tuple[SandboxProcess, SandboxProcess]) -> None:
    token = mint(pair[0], "4000000000009995")
    codes = [gateway(each.url).charge(charge_request(token=token)).decline_code for each in pair]
    assert codes == ["insufficient_funds", "insufficient_funds"]


def test_gateways_without_a_common_vault_do_not_know_each_others_tokens(
    pair: tuple[SandboxProcess, SandboxProcess], sandbox: SandboxProcess
) -> None:
    request = charge_request(token=mint(sandbox))
    outcome = gateway(pair[0].url).charge(request)
    assert (outcome.kind, outcome.reason) == (Kind.REJECTED, "rejected")
    assert pair[0].charges(reference=request.payment_id) == []
    assert gateway(sandbox.url).charge(request).kind is Kind.SUCCEEDED


def test_a_card_has_one_fingerprint_at_both_gateways_and_another_card_another(
    pair: tuple[SandboxProcess, SandboxProcess],
) -> None:
    primary, secondary = pair
    twice = {fingerprint(charging, mint(minting)) for minting in pair for charging in pair}
    assert len(twice) == 1
    assert fingerprint(primary, mint(secondary, "4000000000100034")) not in twice


def test_a_fixed_test_token_has_its_own_fingerprint_the_same_everywhere(
    pair: tuple[SandboxProcess, SandboxProcess], sandbox: SandboxProcess
) -> None:
    found = {fingerprint(each, "tok_success") for each in (*pair, sandbox)}
    assert found == {fingerprints.of_token("tok_success")}
    assert fingerprint(sandbox, "tok_4242") == fingerprints.of_token("tok_4242")
    assert fingerprints.of_token("tok_4242") not in found


def test_the_card_number_is_in_neither_file(pair: tuple[SandboxProcess, SandboxProcess], tmp_path: Path) -> None:
    primary, _ = pair
    mint(primary)
    dumps = []
    for path in (primary.database, primary.database.with_name("vault.sqlite3")):
        with closing(sqlite3.connect(path)) as database:
            dumps.append("\n".join(database.iterdump()))
    assert "'4242'" in dumps[1]
    assert all("42424242" not in dump for dump in dumps)


def test_the_vault_is_named_so_that_a_shop_knows_who_shares_it() -> None:
    assert CAPABILITIES.vault == "sandbox"


def test_a_demo_run_gives_both_its_gateways_one_vault_and_ledgers_of_their_own() -> None:
    plan = Plan(host="127.0.0.1", port=8000, gateway_ports=(8011, 8012))
    programs = plan.programs(Heartbeat(lambda: None, lambda: None, limit=1))
    gateways = [list(program.command) for program in programs if program.name.startswith("gateway-")]
    vaults, ledgers = ({each[each.index(name) + 1] for each in gateways} for name in ("--vault", "--database"))
    assert (len(gateways), len(vaults), len(ledgers)) == (2, 1, 2)
    assert vaults.isdisjoint(ledgers)


# Older files.


def test_an_older_ledger_keeps_its_tokens_and_charges_and_gets_the_new_columns(tmp_path: Path) -> None:
    with sandbox_process(old_ledger(tmp_path / "ledger.sqlite3")) as sandbox:
        outcome = gateway(sandbox.url).charge(charge_request(token="tok_kold"))
        assert (outcome.decline_code, outcome.card_fingerprint) == (
            "insufficient_funds",
            fingerprints.of_token("tok_kold"),
        )
        old = sandbox.charges(reference="pay_old")[0]
        assert (old["id"], old["status"]) == ("ch_old", "succeeded")
        assert (old["card"]["fingerprint"], old["network_advice"]) == (None, None)
        sandbox.restart()
        assert len(sandbox.ledger()) == 2


def test_the_tokens_of_an_older_ledger_are_known_to_all_gateways_of_its_new_vault(tmp_path: Path) -> None:
    vault = tmp_path / "vault.sqlite3"
    with (
        sandbox_process(old_ledger(tmp_path / "primary.sqlite3"), vault=vault) as primary,
        sandbox_process(tmp_path / "secondary.sqlite3", name="secondary", vault=vault) as secondary,
    ):
        codes = [
            gateway(each.url).charge(charge_request(token="tok_kold")).decline_code for each in (primary, secondary)
        ]
        assert codes == ["insufficient_funds", "insufficient_funds"]
        primary.restart()
        assert gateway(primary.url).charge(charge_request(token="tok_kold")).decline_code == "insufficient_funds"


# Two processes, one file.


def _open(path: Path, started: Barrier, keys: "multiprocessing.Queue[bytes | str]") -> None:
    started.wait()
    try:
        vault = Vault(path)
        vault.add(Token(f"tok_k{multiprocessing.current_process().pid}", "tok_success", "visa", "4242", 1, "fp_1"))
        keys.put(vault.key)
        vault.close()
    except sqlite3.Error as error:
        keys.put(repr(error))


def test_gateways_that_open_a_new_vault_at_the_same_moment_share_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for trial in range(10):
        path, started, keys = tmp_path / f"{trial}.sqlite3", context.Barrier(3), context.Queue()
        processes = [context.Process(target=_open, args=(path, started, keys)) for _ in range(3)]
        for process in processes:
            process.start()
        found = {keys.get(timeout=20) for _ in processes}
        for process in processes:
            process.join()
        assert len(found) == 1
        assert len(found.pop()) == 32
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM tokens").fetchone() == (3,)
