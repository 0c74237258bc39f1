"""What each test token does, in one table; the test cards of cards.py are other names for the same tokens.

Any `tok_<digits>` and `tok_<letters>_<digits>` (`tok_visa_4242`) succeeds like `tok_success`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# Every code of the declines table and of requirement B5; `authentication_required` has scenarios of its own.
DECLINE_CODES: Final = (
    "issuer_unavailable",
    "try_again_later",
    "do_not_honor",
    "generic_decline",
    "velocity",
    "3ds_failed",
    "insufficient_funds",
    "expired_card",
    "invalid_number",
    "card_not_supported",
    "account_closed",
    "stolen_card",
    "lost_card",
    "pickup_card",
    "fraud_detected",
    "blocklist",
    "processing_error",
    "rate_limit",
)
# Declines that a successful 3-D Secure step turns into a success (degradation level 2, requirement B7).
CURED_BY_AUTHENTICATION: Final = frozenset({"authentication_required", "do_not_honor", "generic_decline"})

# What a card network advises after a decline. Never again: Mastercard's advice codes 03 and 21, Visa's category 1.
NEVER_AGAIN: Final = "do_not_try_again"
TRY_LATER: Final = "try_again_later"
ADVICES: Final = (NEVER_AGAIN, TRY_LATER)
CODE: Final = re.compile(r"[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to a charge with this token.

    status: of the charge. executes: whether there is a charge at all. reply: `normal`, or how the first answer is
    lost: `close` (a repeated send gets the real one), `500` (saved and replayed), `429`.
    slow: take the gateway's slow time first. surplus: minor units charged beyond what was asked.
    network_advice: one of ADVICES, with a decline. final: declined also where 3-D Secure is asked for.
    """

    meaning: str
    status: str = "succeeded"
    decline_code: str | None = None
    executes: bool = True
    reply: str = "normal"
    slow: bool = False
    surplus: int = 0
    network_advice: str | None = None
    final: bool = False

    @property
    def can_be_challenged(self) -> bool:
        """Whether a 3-D Secure step that was asked for comes first, and the charge succeeds after it."""
        cured = self.status == "succeeded" or self.decline_code in CURED_BY_AUTHENTICATION
        return cured and not self.final


def _declined(code: str) -> Scenario:
    advice = TRY_LATER if code == "try_again_later" else None
    return Scenario(f"Is declined: {code}", status="declined", decline_code=code, network_advice=advice)


SCENARIOS: Final[dict[str, Scenario]] = {
    "tok_success": Scenario("Succeeds"),
    "tok_authentication_required": Scenario("Asks for 3-D Secure, then succeeds", status="requires_action"),
    "tok_slow": Scenario("Succeeds after about 7 seconds", slow=True),
    "tok_charged_no_answer": Scenario("Is charged, but no answer comes", reply="close"),
    "tok_not_charged_no_answer": Scenario("Is not charged, and no answer comes", executes=False, reply="close"),
    "tok_charged_then_500": Scenario("Is charged, but the answer is an error 500", reply="500"),
    "tok_500": Scenario("Is not charged, error 500", executes=False, reply="500"),
    "tok_429": Scenario("Is not charged, too many requests", executes=False, reply="429"),
    "tok_wrong_amount": Scenario("Is charged one minor unit too much", surplus=1),
    **{f"tok_{code}": _declined(code) for code in DECLINE_CODES},
    "tok_do_not_try_again": Scenario(
        "Is declined: do_not_honor, and the card network forbids another try",
        status="declined",
        decline_code="do_not_honor",
        network_advice=NEVER_AGAIN,
        final=True,
    ),
    "tok_authentication_required_decline": Scenario(
        "Is declined: authentication_required; succeeds with 3-D Secure where the shop asks for it",
        status="declined",
        decline_code="authentication_required",
    ),
}

_NUMBERED = re.compile(r"tok_(?:[a-z]+_)?[0-9]{1,60}")


def scenario_of(token: str) -> str | None:
    """Return the name in SCENARIOS that a test token stands for, or None for a token that is no test token."""
    if token in SCENARIOS:
        return token
    return "tok_success" if _NUMBERED.fullmatch(token) else None


def verdict_of(params: Mapping[str, Any]) -> Scenario:
    """Return what the fault `decline` does: a decline by `code`, final, with the `network_advice` if there is one."""
    return Scenario(
        "Is declined by a fault",
        status="declined",
        decline_code=params["code"],
        network_advice=params.get("network_advice"),
        final=True,
    )
