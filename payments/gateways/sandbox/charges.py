"""What the sandbox gateway does with charges: make one under its key, cancel one, settle a 3-D Secure step."""

import asyncio
import json
import secrets
from dataclasses import dataclass
from typing import Any, Final

from payments.gateways.sandbox.answers import Answer, answer, encoded, refused
from payments.gateways.sandbox.orders import ChargeOrder
from payments.gateways.sandbox.scenarios import CURED_BY_AUTHENTICATION, SCENARIOS, Scenario, scenario_of
from payments.gateways.sandbox.state import Sandbox, now_ms
from payments.gateways.sandbox.store import Charge, SavedReply

# Statuses that a void ends; it is confirmed in its answer.
_CANCELABLE: Final = ("succeeded", "requires_action", "pending")


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a charge request. lost: the scenario loses this answer on its way; a repeated send gets it."""

    answer: Answer
    lost: bool = False


@dataclass(frozen=True, slots=True)
class _Card:
    scenario: Scenario
    brand: str
    last4: str


async def create(sandbox: Sandbox, order: ChargeOrder, origin: str, *, wait: float) -> Made:
    """Make the charge once per key, `wait` seconds from now; the key counts as in use meanwhile.

    origin: of this gateway's pages, for the 3-D Secure address. Validation errors, 409 and 429 are not kept.
    """
    if order.key in sandbox.running:
        return Made(refused(409, "idempotency_key_in_use", "A request with this key is in progress. Ask again later."))
    saved = sandbox.store.saved_reply(order.key)
    if saved is not None and now_ms() - saved.created_ms < sandbox.config.key_life * 1000:
        return Made(_replayed(saved, order))
    card = _card(sandbox, order.token)
    if card is None:
        return Made(refused(400, "token_unknown", "There is no such token.", param="token"))
    sandbox.running.add(order.key)
    try:
        wait += sandbox.config.slow if card.scenario.slow else 0
        if wait:
            await asyncio.sleep(wait)
        return await _first(sandbox, order, card, origin)
    finally:
        sandbox.running.discard(order.key)


async def create_twice(sandbox: Sandbox, order: ChargeOrder, origin: str) -> Made:
    """Charge two times under one key, as a gateway would whose idempotency is broken; nothing is kept for the key."""
    card = _card(sandbox, order.token)
    if card is None:
        return Made(refused(400, "token_unknown", "There is no such token.", param="token"))
    charge = _charge(order, card, origin)
    for twin in (charge, _charge(order, card, origin)):
        sandbox.store.add_charge(twin)
    await sandbox.store.committed()
    return Made(_reply(charge))


def cancel(sandbox: Sandbox, charge_id: str) -> Answer:
    """Void a charge; canceling one that is canceled already says so again."""
    sandbox.store.change_status(charge_id, _CANCELABLE, "canceled", None)
    charge = sandbox.store.charge(charge_id)
    if charge is None:
        return not_found()
    if charge.status != "canceled":
        return refused(409, "charge_not_cancelable", f"The charge is {charge.status}.")
    return answer(200, as_object(charge))


def settle_challenge(sandbox: Sandbox, charge_id: str, choice: str) -> Charge | None:
    """Settle a 3-D Secure step by the customer's choice: `approve`, `fail` or `cancel`.

    Return the charge as it then is: a step already settled stays as it is. None where there is no such charge.
    """
    outcomes = {
        "approve": ("succeeded", None),
        "fail": ("declined", "3ds_failed"),
        "cancel": ("canceled", "customer_canceled"),
    }
    status, code = outcomes[choice]
    sandbox.store.change_status(charge_id, ("requires_action",), status, code)
    return sandbox.store.charge(charge_id)


def not_found() -> Answer:
    return refused(404, "not_found", "There is no such charge.")


def as_object(charge: Charge) -> dict[str, Any]:
    """Return the charge object that the API documents. amount: minor units; created: UTC seconds."""
    return {
        "id": charge.id,
        "object": "charge",
        "status": charge.status,
        "amount": charge.amount,
        "currency": charge.currency,
        "reference": charge.reference,
        "livemode": False,
        "created": charge.created_ms // 1000,
        "decline_code": charge.decline_code,
        "action_url": charge.action_url,
        "card": {"brand": charge.brand, "last4": charge.last4},
        "metadata": json.loads(charge.metadata),
        "idempotency_key": charge.key,
    }


async def _first(sandbox: Sandbox, order: ChargeOrder, card: _Card, origin: str) -> Made:
    scenario = card.scenario
    if scenario.reply == "429":
        message = "Too many requests. Nothing was charged."
        return Made(refused(429, "rate_limited", message, headers={"Retry-After": "2"}))
    if not scenario.executes and scenario.reply == "close":
        return Made(not_found(), lost=True)
    result = refused(500, "internal_error", "Something went wrong at the gateway.", kind="api_error")
    if scenario.executes:
        charge = _charge(order, card, origin)
        sandbox.store.add_charge(charge)
        result = _reply(charge) if scenario.reply != "500" else result
    sandbox.store.save_reply(SavedReply(order.key, order.digest, result.status, result.body, now_ms()))
    await sandbox.store.committed()
    return Made(result, lost=scenario.reply == "close")


def _card(sandbox: Sandbox, token: str) -> _Card | None:
    if name := scenario_of(token):
        return _Card(SCENARIOS[name], "visa", "4242")
    minted = sandbox.store.token(token)
    return _Card(SCENARIOS[minted.scenario], minted.brand, minted.last4) if minted else None


def _charge(order: ChargeOrder, card: _Card, origin: str) -> Charge:
    status, code, created_ms = card.scenario.status, card.scenario.decline_code, now_ms()
    # Time first, so that the index grows at one end; the rest cannot be guessed, as the 3-D Secure page goes by it.
    charge_id = f"ch_{created_ms:012x}{secrets.token_hex(10)}"
    if order.request_three_d_secure and (status == "succeeded" or code in CURED_BY_AUTHENTICATION):
        status, code = "requires_action", None
    return Charge(
        id=charge_id,
        key=order.key,
        reference=order.reference,
        amount=order.amount + card.scenario.surplus,
        currency=order.currency,
        status=status,
        decline_code=code,
        action_url=f"{origin}/3ds/{charge_id}" if status == "requires_action" else None,
        brand=card.brand,
        last4=card.last4,
        return_url=order.return_url,
        metadata=order.metadata,
        created_ms=created_ms,
    )


def _reply(charge: Charge) -> Answer:
    if charge.status == "declined":
        message, code = "The card was declined.", charge.decline_code
        charged = as_object(charge)
        return refused(402, "card_declined", message, kind="card_error", decline_code=code, charge=charged)
    return Answer(200, encoded(as_object(charge)))


def _replayed(saved: SavedReply, order: ChargeOrder) -> Answer:
    if saved.digest != order.digest:
        return refused(422, "idempotency_key_reused", "This key was used for a request with other parameters.")
    return Answer(saved.status, saved.body, {"Idempotent-Replayed": "true"})
