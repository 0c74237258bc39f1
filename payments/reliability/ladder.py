"""The ladder of fallbacks: what follows, as a pure function of what was tried (requirements B7, B8).

    1 the first gateway        4 accepted now, charged later (trusted customers; payments/services/go_on.py)
    2 again, with 3-D Secure   5 another way to pay is suggested
    3 another gateway          6 fails kindly: the cart is kept, a link comes by e-mail

The rule that comes before all others: nothing is tried after an attempt that is not proven to have charged nothing.
Whoever asks with such an attempt gets an error and never a gateway, whatever settings and decline map say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from payments.declines import Decline, DeclineClass
from payments.declines.meaning import FINAL
from payments.states import AttemptState

FIRST: Final = 1
AUTHENTICATED: Final = 2
ANOTHER_GATEWAY: Final = 3
LATER: Final = 4
ANOTHER_WAY: Final = 5
KINDLY: Final = 6

# States in which an attempt certainly took no money (references: gateway outcomes, "when a second gateway").
PROVEN_UNCHARGED: Final = (
    *(AttemptState.NOT_SENT, AttemptState.NOT_FOUND),
    *(AttemptState.DECLINED, AttemptState.VOIDED, AttemptState.REJECTED),
)


class UnprovenError(RuntimeError):
    """Somebody wanted to go on although an attempt may have charged the customer: a defect, stopped here."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt that was made. decline: what its decline code means, where it was declined.

    asked_bank: the customer was asked to confirm with the bank. never_again: the card network forbids another try.
    """

    number: int
    gateway: str
    state: str
    reason: str = ""
    decline: Decline | None = None
    asked_bank: bool = False
    never_again: bool = False

    @property
    def proof(self) -> dict[str, str | int]:
        """Why going on after this attempt cannot charge twice, for the audit trail."""
        return {"attempt": self.number, "gateway": self.gateway, "state": self.state, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Next:
    """Try again, at the first of `gateways` that may be called. backs_off: not at once. why: for the audit trail."""

    gateways: tuple[str, ...]
    why: str
    three_d_secure: bool = False
    backs_off: bool = False

    def level_at(self, gateway: str, first: str) -> int:
        """Return the level on which a try at `gateway` stands, where `first` is the payment's first gateway."""
        if self.three_d_secure and gateway == self.gateways[0]:
            return AUTHENTICATED
        return FIRST if gateway == first else ANOTHER_GATEWAY


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more is tried with this card. level: 5 where it was for the card, 6 where it was for us. code: why."""

    level: int
    code: str
    why: str


def next_step(tried: Sequence[Tried], gateways: Sequence[str], *, is_present: bool = True) -> Next | End:
    """Return what follows after `tried`, oldest first; `gateways` are the payment's, the best first.

    is_present: whether the customer is there to confirm with the bank, who of an order accepted for later is not.
    Raises UnprovenError where one of them may have charged the customer.
    """
    for each in tried:
        if each.state not in PROVEN_UNCHARGED:
            raise UnprovenError(f"Attempt {each.number} at {each.gateway} is {each.state}: nothing else may be tried.")
    step = _step(tried, gateways, is_present=is_present)
    if isinstance(step, Next) and not step.gateways:
        return End(KINDLY, "no_gateway", "no gateway takes this payment")
    return step


def _step(tried: Sequence[Tried], gateways: Sequence[str], *, is_present: bool) -> Next | End:
    if not tried:
        return Next(tuple(gateways), "first try")
    last = tried[-1]
    if last.state == AttemptState.REJECTED:
        return End(KINDLY, "gateway_rejected", f"{last.gateway} refused our request: {last.reason}")
    if last.decline is not None:
        return _after_decline(tried, last, last.decline, gateways, is_present=is_present)
    asks_bank = last.asked_bank and last.state == AttemptState.NOT_SENT
    why = f"{last.gateway} did not charge: {last.reason or last.state}"
    turn = _in_turn(last, gateways)
    return Next(turn, why, three_d_secure=asks_bank, backs_off=_all_failed(tried, gateways))


def _after_decline(
    tried: Sequence[Tried], last: Tried, decline: Decline, gateways: Sequence[str], *, is_present: bool
) -> Next | End:
    # The class, not the code: a reason of fraud is told nowhere outside the console.
    why = f"{last.gateway} declined: {decline.decline_class}"
    if last.never_again and decline.decline_class not in FINAL:
        return End(ANOTHER_WAY, "network_limit", f"{why}; the card network forbids another try")
    # Once, and at the same gateway: one that is no longer in the settings cannot ask.
    never_asked = not any(each.asked_bank for each in tried)
    may_ask_bank = decline.three_d_secure and never_asked and last.gateway in gateways
    if decline.decline_class is DeclineClass.AUTHENTICATION:
        if may_ask_bank:
            return Next((last.gateway,), f"{why}; the bank is asked", three_d_secure=True)
        return End(ANOTHER_WAY, last.reason, why)
    turn = _in_turn(last, gateways)
    if decline.decline_class is DeclineClass.SOFT and may_ask_bank and is_present:
        # Another gateway asks in its place, should no call leave to the one that declined.
        asked = (last.gateway, *(name for name in turn if name != last.gateway))
        return Next(asked, f"{why}; the bank is asked", three_d_secure=True)
    if decline.decline_class in {DeclineClass.SOFT, DeclineClass.PROCESSING}:
        return Next(turn, why, backs_off=True)
    return End(ANOTHER_WAY, last.reason, why)


def _in_turn(last: Tried, gateways: Sequence[str]) -> tuple[str, ...]:
    """Return the gateways after the one of the last try, then those before it, and itself at the end."""
    at = gateways.index(last.gateway) + 1 if last.gateway in gateways else 0
    return (*gateways[at:], *gateways[:at])


def _all_failed(tried: Sequence[Tried], gateways: Sequence[str]) -> bool:
    """Say whether every gateway had its try: then there is no hurry."""
    return set(gateways) <= {each.gateway for each in tried}
