"""One run of the site, from preparing the database to the last program's end."""

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from django.conf import settings

from payments.queries import seconds_since_last_beat
from payments.services.wake import wake
from paysite.guard import Guard
from paysite.running import announcement
from paysite.running.heartbeat import Heartbeat
from paysite.running.plan import Plan, log_file, manage
from paysite.running.ready import first_silent, tail
from paysite.running.receipt import NoReceiptError, take_payment
from paysite.supervisor import Supervisor

START_SECONDS = 60.0
PREPARE_POLL = 0.1


class StartError(Exception):
    """The site could not be started; the message says why. Nothing of it is left running."""


class StopRequest(Protocol):
    """What the operator asked for by signals."""

    def wanted(self) -> bool: ...
    def in_a_hurry(self) -> bool: ...


class Session:
    """Prepares, starts, announces, supervises and ends."""

    def __init__(self, plan: Plan, stop: StopRequest, guard: Guard, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._stop = stop
        self._say = say
        self._guard = guard
        self._heartbeat = Heartbeat(seconds_since_last_beat, wake, limit=settings.BEAT_LIMIT)
        self._supervisor = Supervisor(plan.programs(self._heartbeat), say, guard)

    def run(self, *, demo_payment: bool) -> None:
        """Run until told to stop; raise StartError if the site does not come up."""
        announcement.withdraw()
        seed = self._prepare()
        if self._stop.wanted():
            return
        try:
            self._say("Starting …")
            self._supervisor.start()
            self._heartbeat.watch()
            if self._is_up():
                self._announce(seed, demo_payment=demo_payment)
                self._supervisor.run(self._stop.wanted)
        finally:
            announcement.withdraw()
            self._say("Stopping …")
            self._supervisor.stop(self._stop.in_a_hurry)

    def _prepare(self) -> dict[str, Any]:
        """Bring database and static files up to date; return the demo's log-in and API key (empty in production)."""
        process = subprocess.Popen(
            manage("prepare"),
            stdout=subprocess.PIPE,
            env=self._plan.full_environment(),
            start_new_session=True,
            text=True,
        )
        self._guard.watch(process.pid)
        output: str | None = None
        while output is None:
            with suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=PREPARE_POLL)
            if self._stop.wanted():
                process.terminate()
        self._guard.forget(process.pid)
        if self._stop.wanted():
            return {}
        if process.returncode:
            raise StartError("The database or the static files could not be prepared; the reason is above.")
        return json.loads(output.strip().splitlines()[-1]) if settings.DEMO else {}

    def _is_up(self) -> bool:
        """Wait until all programs answer; False if the operator asked to stop meanwhile."""

        def give_up() -> bool:
            return self._stop.wanted() or self._supervisor.ended() is not None

        silent = first_silent(self._plan.probes(), seconds=START_SECONDS, give_up=give_up)
        if self._stop.wanted():
            return False
        ended = self._supervisor.ended()
        if ended:
            log = ended.program.log
            raise StartError(f"{ended.program.name} ended at its start. The last lines of {log}:\n{tail(log)}")
        if silent:
            log = log_file(silent.name)
            raise StartError(
                f"{silent.name} did not answer within {START_SECONDS:.0f} s. The last lines of {log}:\n{tail(log)}"
            )
        return True

    def _announce(self, seed: dict[str, Any], *, demo_payment: bool) -> None:
        if not settings.DEMO:
            self._say(f"Paysite serves at {self._plan.web_url} (Ctrl-C stops it).")
            return
        if demo_payment:
            try:
                receipt = take_payment(self._plan.host, self._plan.port, seed["apiKey"])
            except NoReceiptError as error:
                raise StartError(
                    f"The first payment failed. {error}\nSee {log_file('cluster')} and {log_file('web')}."
                ) from error
            self._say(str(receipt))
        document = announcement.document(self._plan, seed)
        announcement.publish(document)
        self._say(announcement.text(document))
