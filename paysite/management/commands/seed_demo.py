"""`manage.py seed_demo`: fills a demo installation and prints one line of JSON with login and API key."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from paysite.demo.seed import seed


class Command(BaseCommand):
    help = "Fills a demo installation; prints its login and API key as one line of JSON. Running it again is harmless."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "seed_demo makes an operator and a key that are printed on the screen, which is not for production. "
                "Use createsuperuser, and make shops and keys in the console."
            )
        self.stdout.write(json.dumps(seed()))
