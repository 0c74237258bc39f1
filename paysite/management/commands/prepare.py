"""`manage.py prepare`: brings database and static files up to date, and in demo mode fills in the demo's data."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, call_command

from payments.audit import Because
from payments.models import RecoveryRun
from payments.services.recover import recover
from paysite import schedules


class Command(BaseCommand):
    help = "Migrate the database and collect static files; in demo mode, add the demo's data. Safe to repeat."

    def handle(self, **_: Any) -> None:
        """Report progress on stderr; on stdout comes only the line of `seed_demo`, for `manage.py run`."""
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        self.stderr.write("Bringing the database up to date …")
        call_command("migrate", verbosity=0, interactive=False)
        schedules.install()
        recover(RecoveryRun.Trigger.START, Because("worker:start", "command:prepare"))
        self.stderr.write("Collecting static files …")
        call_command("collectstatic", verbosity=0, interactive=False)
        if settings.DEMO:
            self.stderr.write("Adding the demo's data …")
            call_command("seed_demo", stdout=self.stdout)
