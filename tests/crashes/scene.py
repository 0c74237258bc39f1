"""Makes the database of a crash suite, and runs the suite in it. Django must be set up."""

import gc
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.urls import get_resolver

from payments.models import SCOPES, ApiKey, Client
from payments.services import endpoints
from tests.crashes.suite import Result, Suite, evidence_of
from tests.crashes.world import WORKER, World
from tests.sandbox import SandboxProcess
from tests.support.inbox import Inbox


def play(folder: Path, gateway: SandboxProcess, inbox: Inbox, *, seed: int, kills: int, seconds: float) -> Result:
    """Migrate the empty database, make a shop whose events go to `inbox`, and run."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0, interactive=False)
    shop = Client.objects.create(slug="crash", name="Crash", form_secret="crash")
    _, key = ApiKey.issue(client=shop, scopes=list(SCOPES), mode=ApiKey.Mode.TEST, label="crash")
    endpoints.create(shop.pk, inbox.url, [], "crash", WORKER)
    # Loaded once here and not in every child.
    get_resolver().url_patterns  # noqa: B018
    # What is here now stays: a child need not copy its pages only because its collector looked at them.
    gc.freeze()
    history = folder / "history.jsonl"
    world = World(gateway, key, history)
    return Suite(world, evidence_of(database_url(), gateway.database, history, inbox.log), seed).run(kills, seconds)


def database_url() -> str:
    """Return where the checker finds the database that Django uses."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        return f"sqlite://{database['NAME']}"
    user = f"{database['USER']}:{database['PASSWORD']}@" if database["USER"] else ""
    return f"postgresql://{user}{database['HOST']}:{database['PORT']}/{database['NAME']}"
