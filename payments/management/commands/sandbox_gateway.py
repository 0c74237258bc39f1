"""`manage.py sandbox_gateway`: runs one sandbox gateway, a process with a ledger of its own."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payments.gateways.sandbox import cli


class Command(BaseCommand):
    """Opens nothing of Paysite's own: the gateway is another party."""

    help = "Run a sandbox gateway: test charges, test cards and faults on demand."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        if status := cli.run(options):
            sys.exit(status)
