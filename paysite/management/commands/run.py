"""`manage.py run`: runs the whole site under one supervisor until Ctrl-C or SIGTERM (design, section 7)."""

import argparse
import logging
import os
import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand
from django.core.management.base import CommandParser

from paysite.guard import Guard
from paysite.running import announcement
from paysite.running.lock import AlreadyRunningError, RunLock
from paysite.running.plan import Plan
from paysite.running.ports import PortTakenError, demand_free
from paysite.running.session import Session, StartError
from paysite.supervisor import adopt_orphans


class Stop:
    """Whether the operator asked to stop, and whether twice, which means: at once."""

    def __init__(self) -> None:
        self.signals = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, *_: object) -> None:
        self.signals += 1

    def wanted(self) -> bool:
        return self.signals > 0

    def in_a_hurry(self) -> bool:
        return self.signals > 1


class Command(BaseCommand):
    help = "Run web server, background work and, in demo mode, two sandbox gateways and a shop's inbox, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address the web server listens on (127.0.0.1)")
        parser.add_argument("--port", type=port, default=8000, help="port of the web server (8000)")
        parser.add_argument("--primary-port", type=port, help="port of the first sandbox gateway (port + 11)")
        parser.add_argument("--secondary-port", type=port, help="port of the second sandbox gateway (port + 12)")
        parser.add_argument("--inbox-port", type=port, help="port of the demo shop's inbox (port + 13)")
        parser.add_argument("--no-demo-payment", action="store_true", help="do not take a payment at the start")

    def handle(self, **options: Any) -> None:
        """Run; end with exit code 1 and a plain sentence where this run cannot have its folder or ports."""
        logging.getLogger("django-q").setLevel(logging.WARNING)
        # Database files, logs and demo secrets are nobody else's business on this machine.
        os.umask(0o027)
        stop = Stop()
        try:
            plan = plan_of(options)
            lock = RunLock(settings.VAR_DIR / "run.lock")
            try:
                demand_ports(plan)
                self._run(plan, stop, lock, demo_payment=not options["no_demo_payment"])
            finally:
                lock.release()
        except (AlreadyRunningError, PortTakenError, StartError) as error:
            self.stderr.write(str(error))
            sys.exit(1)
        self._say("Stopped.")

    def _run(self, plan: Plan, stop: Stop, lock: RunLock, *, demo_payment: bool) -> None:
        adopt_orphans()
        guard = Guard(keep_open=(lock.fd,), remove=announcement.path())
        try:
            Session(plan, stop, guard, self._say).run(demo_payment=demo_payment)
        finally:
            guard.close()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def port(text: str) -> int:
    """Read a port number; argparse prints the message."""
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 1 to 65535")
    return int(text)


def plan_of(options: dict[str, Any]) -> Plan:
    """Return the addresses that the options ask for; two programs on one port are refused."""
    web: int = options["port"]
    gateways = (options["primary_port"] or web + 11, options["secondary_port"] or web + 12) if settings.DEMO else ()
    inbox: int = (options["inbox_port"] or web + 13) if settings.DEMO else 0
    ports = (web, *gateways, *([inbox] if inbox else []))
    if len(set(ports)) < len(ports) or max(ports) > 65_535:
        raise PortTakenError(f"The ports {', '.join(map(str, ports))} must be different and at most 65535.")
    return Plan(host=options["host"], port=web, gateway_ports=gateways, inbox_port=inbox)


def demand_ports(plan: Plan) -> None:
    """Raise PortTakenError for the first port of the plan that is in use."""
    demand_free(plan.host, plan.port, what="web server", option="--port (make run PORT=…)")
    for name, number in plan.gateways.items():
        demand_free("127.0.0.1", number, what=f"{name} sandbox gateway", option=f"--{name}-port")
    if plan.inbox_port:
        demand_free("127.0.0.1", plan.inbox_port, what="demo shop's inbox", option="--inbox-port")
