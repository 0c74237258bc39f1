"""What is done under an idempotency key: once, and its reply is given again to the same request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from payments.gateways.sandbox.answers import Answer, refused
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.saved_replies import SavedReply
from payments.gateways.sandbox.state import Sandbox


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a request. lost: the scenario loses this answer on its way; a repeated send gets it."""

    answer: Answer
    lost: bool = False


async def once(sandbox: Sandbox, key: str, digest: str, act: Callable[[], Awaitable[Made]]) -> Made:
    """Do `act`, which saves its own reply, unless the key has one or is in use. digest: of the parameters."""
    if key in sandbox.running:
        return Made(refused(409, "idempotency_key_in_use", "A request with this key is in progress. Ask again later."))
    saved = sandbox.store.saved_reply(key)
    if saved is not None and now_ms() - saved.created_ms < sandbox.config.key_life * 1000:
        return Made(_replayed(saved, digest))
    sandbox.running.add(key)
    try:
        return await act()
    finally:
        sandbox.running.discard(key)


def _replayed(saved: SavedReply, digest: str) -> Answer:
    if saved.digest != digest:
        return refused(422, "idempotency_key_reused", "This key was used for a request with other parameters.")
    return Answer(saved.status, saved.body, {"Idempotent-Replayed": "true"})
