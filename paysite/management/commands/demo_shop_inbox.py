"""`manage.py demo_shop_inbox`: runs the demo shop's inbox, a process with a file of its own."""

import asyncio
import errno
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from paysite.demo.event_inbox.address import DEMO_SIGNING_SECRET
from paysite.demo.event_inbox.server import serve


class Command(BaseCommand):
    """Opens nothing of Paysite's own: the shop is another party."""

    help = "Run the demo shop's inbox, which checks the events that the shop gets and shows them."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 takes a free one")
        parser.add_argument("--database", type=Path, default=settings.VAR_DIR / "shop-inbox.sqlite3", help="its file")

    def handle(self, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo shop's inbox is for the demo alone: its secret is published.")
        shop_url = f"{settings.PUBLIC_URL}/shop/"
        try:
            asyncio.run(serve(options["port"], options["database"], DEMO_SIGNING_SECRET, shop_url))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self.stderr.write(f"Port {options['port']} on 127.0.0.1 is in use. Choose another one with --port.")
            sys.exit(1)
