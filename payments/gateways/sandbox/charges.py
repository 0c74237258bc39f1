"""What the sandbox gateway does with charges: make one under its key, cancel one, settle a 3-D Secure step."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Final

from payments.gateways.sandbox import fingerprints
from payments.gateways.sandbox.answers import Answer, answer, encoded, refused
from payments.gateways.sandbox.charge import Charge, as_object
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.once import Made, once
from payments.gateways.sandbox.orders import ChargeOrder
from payments.gateways.sandbox.saved_replies import SavedReply
from payments.gateways.sandbox.scenarios import SCENARIOS, Scenario, scenario_of
from payments.gateways.sandbox.state import Sandbox

# What a charge is declined or canceled with whose customer did not approve it.
CHALLENGE_FAILED: Final = "3ds_failed"
CUSTOMER_CANCELED: Final = "customer_canceled"
# Statuses that a void ends; it is confirmed in its answer.
_CANCELABLE: Final = ("succeeded", "requires_action", "pending")


@dataclass(frozen=True, slots=True)
class _Card:
    scenario: Scenario
    brand: str
    last4: str
    fingerprint: str


async def create(
    sandbox: Sandbox, order: ChargeOrder, origin: str, *, wait: float, verdict: Scenario | None = None
) -> Made:
    """Make the charge once per key, `wait` seconds from now; the key counts as in use meanwhile.

    origin: of this gateway's pages, for the 3-D Secure address. verdict: instead of what the card's token says.
    Validation errors, 409 and 429 are not kept.
    """

    async def first() -> Made:
        card = _card(sandbox, order.token)
        if card is None:
            return Made(refused(400, "token_unknown", "There is no such token.", param="token"))
        card = replace(card, scenario=verdict or card.scenario)
        seconds = wait + (sandbox.config.slow if card.scenario.slow else 0)
        if seconds:
            await asyncio.sleep(seconds)
        return await _first(sandbox, order, card, origin)

    return await once(sandbox, order.key, order.digest, first)


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
    store = sandbox.store
    charge = store.charge(charge_id)
    if charge is None:
        return not_found()
    standing = store.standing(charge)
    if standing.given_back or standing.lost or standing.disputed:
        return _not_cancelable(charge, "The charge has refunds, or a dispute.")
    store.change_status(charge_id, _CANCELABLE, "canceled", None)
    charge = store.charge(charge_id) or charge
    if charge.status != "canceled":
        return _not_cancelable(charge, f"The charge is {charge.status}.")
    return answer(200, as_object(charge))


def _not_cancelable(charge: Charge, message: str) -> Answer:
    return refused(409, "charge_not_cancelable", message, charge=as_object(charge))


def settle_challenge(sandbox: Sandbox, charge_id: str, choice: str) -> Charge | None:
    """Settle a 3-D Secure step by the customer's choice: `approve`, `fail` or `cancel`.

    Return the charge as it then is: a step already settled stays as it is. None where there is no such charge.
    """
    outcomes = {
        "approve": ("succeeded", None),
        "fail": ("declined", CHALLENGE_FAILED),
        "cancel": ("canceled", CUSTOMER_CANCELED),
    }
    status, code = outcomes[choice]
    sandbox.store.change_status(charge_id, ("requires_action",), status, code)
    return sandbox.store.charge(charge_id)


def not_found() -> Answer:
    return refused(404, "not_found", "There is no such charge.")


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
        return _Card(SCENARIOS[name], "visa", "4242", fingerprints.of_token(token))
    minted = sandbox.vault.find(token)
    if minted is None:
        return None
    fingerprint = minted.fingerprint or fingerprints.of_token(token)
    return _Card(SCENARIOS[minted.scenario], minted.brand, minted.last4, fingerprint)


def _charge(order: ChargeOrder, card: _Card, origin: str) -> Charge:
    scenario, created_ms = card.scenario, now_ms()
    challenged = order.request_three_d_secure and scenario.can_be_challenged
    status = "requires_action" if challenged else scenario.status
    # Time first, so that the index grows at one end; the rest cannot be guessed, as the 3-D Secure page goes by it.
    charge_id = f"ch_{created_ms:012x}{secrets.token_hex(10)}"
    return Charge(
        id=charge_id,
        key=order.key,
        reference=order.reference,
        amount=order.amount + scenario.surplus,
        currency=order.currency,
        status=status,
        decline_code=None if challenged else scenario.decline_code,
        action_url=f"{origin}/3ds/{charge_id}" if status == "requires_action" else None,
        brand=card.brand,
        last4=card.last4,
        return_url=order.return_url,
        metadata=order.metadata,
        created_ms=created_ms,
        fingerprint=card.fingerprint,
        network_advice=None if challenged else scenario.network_advice,
    )


def _reply(charge: Charge) -> Answer:
    if charge.status == "declined":
        return refused(
            402,
            "card_declined",
            "The card was declined.",
            kind="card_error",
            decline_code=charge.decline_code,
            network_advice=charge.network_advice,
            charge=as_object(charge),
        )
    return Answer(200, encoded(as_object(charge)))
