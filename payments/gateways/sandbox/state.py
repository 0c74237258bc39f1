"""What the parts of one running sandbox gateway share."""

import asyncio
from typing import Final

from aiohttp import web

from payments.gateways.sandbox.config import REFUND_DAYS, Config
from payments.gateways.sandbox.faults import FaultBook
from payments.gateways.sandbox.store import Store
from payments.gateways.sandbox.vault import Vault


class Sandbox:
    """One gateway. running: keys whose request is in progress. latency: seconds that every API call takes.

    refund_days: for how many days after it was made a charge can be refunded.
    """

    def __init__(self, config: Config, store: Store, vault: Vault) -> None:
        self.config = config
        self.store = store
        self.vault = vault
        self.faults = FaultBook()
        self.running: set[str] = set()
        self.latency = config.latency_ms / 1000
        self.refund_days: float = REFUND_DAYS
        self.stopping = asyncio.Event()
        self.outage_asked = asyncio.Event()
        self.outage_seconds = 0.0
        self.tasks: set[asyncio.Task[object]] = set()


SANDBOX: Final = web.AppKey("sandbox", Sandbox)
