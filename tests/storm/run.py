"""One storm from beginning to end: prepare, rage, heal, settle in virtual time, count."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from paysite.guard import Guard
from paysite.running.plan import manage
from tests.storm.blows import Blows
from tests.storm.late import come_late
from tests.storm.observer import Observer
from tests.storm.plan import StormPlan, draw
from tests.storm.result import StormResult, repeated, replies_of
from tests.storm.stack import Addresses, Stack, running
from tests.storm.verdict import refund_answers, violations_of
from tests.storm.weather import Weather, faults
from tests.support.processes import free_ports

ROOT: Final = Path(__file__).resolve().parents[2]
# Short, so that leases are: a claim holds for SEND_WITHIN + the deadline + 10 s = 22 s (payments/services/claim.py).
_GATEWAY_DEADLINE: Final = 2
LEASE: Final = 10.0 + _GATEWAY_DEADLINE + 10.0
_TICK: Final = 0.05
# Seconds that clients have after the storm to get their replies, and what is left to be settled in virtual time.
_AFTERWARDS: Final = 45.0
# The storm begins after so many refunds, or seconds.
_FIRST_REFUNDS: Final = 2
_CALM: Final = 20.0
_VIRTUAL_LIMIT: Final = 3600.0
_PREPARE_SECONDS: Final = 120.0


class StormError(Exception):
    """The storm itself could not be carried out; the message says why."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a storm rages. environment: of all its processes."""

    folder: Path
    environment: dict[str, str]
    addresses: Addresses
    database_url: str


def run(
    seed: int,
    payments: int,
    seconds_limit: float,
    database_url: str,
    folder: Path,
    *,
    doubles: bool = True,
    faults_times: float = 1.0,
) -> StormResult:
    """Raise the storm of `seed` and return what it did.

    `payments` orders come in over `seconds_limit` seconds while the blows fall; healing and settling come on top.
    database_url: an empty PostgreSQL database, or empty for the embedded one in `folder`. doubles: the gateway also
    charges twice in spite of the key. faults_times: how much more probable its faults are. Raises StormError; never
    because of what the site did.
    """
    scene = set_scene(database_url, folder)
    plan = draw(seed, payments, seconds_limit, pause_beyond=LEASE)
    (folder / "orders.json").write_text(json.dumps([asdict(order) for order in plan.orders]))
    (folder / "api-key").write_text(prepare(scene))
    with running(folder, scene.environment, scene.addresses) as stack:
        armed = faults(doubles=doubles, times=faults_times)
        weathers = {name: Weather(scene.addresses.gateway(name), armed) for name in stack.gateways}
        blows = Blows(stack, weathers, Observer(scene.database_url))
        began = time.monotonic()
        clients = _rage(plan, scene, blows, weathers)
        stack.stop()
        stormy = time.monotonic() - began
        quiet = _settle_twice(scene, stack, weathers, blows)
        for weather in weathers.values():
            weather.clear()
        settling = time.monotonic() - began - stormy
    return _result(plan, scene, stack, blows, weathers, clients, quiet, (stormy, settling))


def set_scene(database_url: str, folder: Path, **changes: str) -> Scene:
    """Return the scene with free ports and short times; `changes` are further variables of the environment."""
    web, inbox, primary, secondary = free_ports(4)
    addresses = Addresses(web, inbox, {"primary": primary, "secondary": secondary})
    environment = {
        "PAYSITE_MODE": "demo",
        "PAYSITE_VAR": str(folder),
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "paysite.settings",
        "PAYSITE_PRIMARY_URL": addresses.gateway("primary"),
        "PAYSITE_SECONDARY_URL": addresses.gateway("secondary"),
        "PAYSITE_PUBLIC_URL": addresses.site,
        # `prepare` makes the shop's endpoint there.
        "PAYSITE_INBOX_URL": addresses.shop_inbox,
        "PAYSITE_CONNECT_TIMEOUT": "1",
        "PAYSITE_READ_TIMEOUT": "1",
        "PAYSITE_GATEWAY_DEADLINE": str(_GATEWAY_DEADLINE),
        "PAYSITE_PAYMENT_EXPIRY_MINUTES": "5",
        "PAYSITE_WEB_WORKERS": "2",
        "PAYSITE_WEB_THREADS": "16",
        "PAYSITE_WORKERS": "4",
        "PAYSITE_SETTLE_LOOPS": "2",
        "PAYSITE_SETTLE_THREADS": "48",
        **changes,
    }
    return Scene(folder, environment, addresses, database_url or f"sqlite://{folder / 'paysite.sqlite3'}")


def prepare(scene: Scene) -> str:
    """Bring the database up to date; return the API key of the demo's shop."""
    done = subprocess.run(
        manage("prepare"),
        env={**os.environ, **scene.environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_PREPARE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise StormError(f"The database could not be prepared.\n{done.stderr}")
    return str(json.loads(done.stdout.strip().splitlines()[-1])["apiKey"])


def _rage(plan: StormPlan, scene: Scene, blows: Blows, weathers: Mapping[str, Weather]) -> dict[str, Any]:
    """Let the clients trade while the blows fall; return what they counted, once all have their reply."""
    with trading(scene) as clients:
        _wait_until_money_flows(Observer(scene.database_url))
        for weather in weathers.values():
            weather.arm()
        began, due, outside = time.monotonic(), list(plan.blows), list(plan.outside)
        while (now := time.monotonic() - began) < plan.seconds:
            while due and due[0].at <= now:
                blows.deal(due.pop(0))
            while outside and outside[0].at <= now:
                blows.happen(outside.pop(0))
            blows.tend()
            time.sleep(_TICK)
        blows.heal()
        healed = time.monotonic()
        while clients.poll() is None and time.monotonic() - healed < _AFTERWARDS:
            blows.tend()
            time.sleep(_TICK)
        return _counted(clients)


def _wait_until_money_flows(observer: Observer) -> None:
    """Wait for the first refunds to be made, so that on a slow machine, too, the storm has some to hit."""
    until = time.monotonic() + _CALM
    while observer.refunds_by_state().get("succeeded", 0) < _FIRST_REFUNDS and time.monotonic() < until:
        time.sleep(_TICK)


def _come_back(scene: Scene) -> dict[str, Any]:
    """Let the clients ask for their refunds when all is settled; return what they counted."""
    with trading(scene, "back") as clients:
        with contextlib.suppress(subprocess.TimeoutExpired):
            clients.wait(timeout=_AFTERWARDS)
        return _counted(clients)


def _counted(clients: "subprocess.Popen[str]") -> dict[str, Any]:
    if clients.poll() is None:
        clients.terminate()
    output, _ = clients.communicate(timeout=30)
    if clients.returncode:
        raise StormError(f"The clients ended with exit code {clients.returncode}.")
    counted: dict[str, Any] = json.loads(output)
    return counted


@contextlib.contextmanager
def trading(scene: Scene, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """Run the clients, told `words`; they do not outlive this process."""
    guard = Guard()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storm.clients", str(scene.folder), scene.addresses.site, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    guard.watch(process.pid)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        guard.forget(process.pid)
        guard.close()


def _settle_twice(scene: Scene, stack: Stack, weathers: Mapping[str, Weather], blows: Blows) -> dict[str, Any]:
    """Let everything become quiet, then what comes late come, and that become quiet too; return what came of both.

    back: what the clients counted who came back.
    """
    first = settle(scene)
    back: dict[str, Any] = {}

    def others() -> None:
        blows.happen_late()
        back.update(_come_back(scene))

    customers, not_taken = come_late(stack, weathers.values(), others)
    second = settle(scene)
    unfinished = [*first["unfinished"], *second["unfinished"], *(f"{one}: not taken in" for one in not_taken)]
    longest = max(first["virtual_seconds"], second["virtual_seconds"])
    return {**second, "late": customers, "back": back, "unfinished": unfinished, "virtual_seconds": longest}


def settle(scene: Scene) -> dict[str, Any]:
    """Let virtual time pass until everything is quiet."""
    log = scene.folder / "log" / "quiet.log"
    with log.open("ab") as errors:
        done = subprocess.run(
            [sys.executable, "-m", "tests.storm.quiet", str(_VIRTUAL_LIMIT)],
            env={**os.environ, **scene.environment},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
        )
    if done.returncode:
        raise StormError(f"Settling after the storm failed; the end of {log}:\n{log.read_text()[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _result(
    plan: StormPlan,
    scene: Scene,
    stack: Stack,
    blows: Blows,
    weathers: Mapping[str, Weather],
    clients: Mapping[str, Any],
    quiet: Mapping[str, Any],
    seconds: tuple[float, float],
) -> StormResult:
    fired = sum((weather.fired for weather in weathers.values()), start=type(blows.dealt)())
    history = scene.folder / "history.jsonl"
    observer = Observer(scene.database_url)
    by_status = observer.payments_by_status()
    return StormResult(
        seed=plan.seed,
        orders=len(plan.orders),
        accepted=sum(by_status.values()),
        requests=clients["asked"] + quiet["back"]["asked"],
        replies=replies_of(history),
        lost_answers=clients["lost"] + quiet["back"]["lost"],
        unanswered=[*clients["unanswered"], *quiet["back"]["unanswered"]],
        kills=dict(sorted(blows.dealt.items())),
        missed=dict(sorted(blows.missed.items())),
        repaired=dict(sorted(blows.repaired.items())),
        outside=dict(sorted(blows.happened.items())),
        refund_replies=replies_of(scene.folder / "refunds.jsonl"),
        refunds=observer.refunds_by_state(),
        disputes=observer.disputes_by_status(),
        fired=dict(sorted((kind, count) for kind, count in fired.items() if count)),
        by_status=by_status,
        surplus=observer.surplus_by_state(),
        late_customers=quiet["late"],
        storm_seconds=round(seconds[0], 1),
        settling_seconds=round(seconds[1], 1),
        virtual_seconds=quiet["virtual_seconds"],
        unfinished=quiet["unfinished"],
        in_review=quiet["in_review"],
        database_url=scene.database_url,
        ledgers={name: str(path) for name, path in stack.ledgers.items()},
        histories=[str(history)],
        **observer.webhooks(),
        **observer.deliveries(),
        repeated=repeated(stack.inbox_log),
        inbox=str(stack.inbox_log),
        violations=[
            *violations_of(scene.database_url, stack.ledgers, [history], [stack.inbox_log]),
            *refund_answers(observer.refunds_by_key(), scene.folder / "refunds.jsonl"),
        ],
    )
