"""What each test token does, in one table; the test cards of cards.py are other names for the same tokens.

Any `tok_<digits>` and `tok_<letters>_<digits>` (`tok_visa_4242`) succeeds like `tok_success`.
"""

import re
from dataclasses import dataclass
from typing import Final

# Every code of the declines table and of requirement B5; `authentication_required` has a scenario of its own.
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
CURED_BY_AUTHENTICATION: Final = frozenset({"do_not_honor", "generic_decline"})


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to a charge with this token.

    status: of the charge. executes: whether there is a charge at all. reply: `normal`, or how the first answer is
    lost: `close` (a repeated send gets the real one), `500` (saved and replayed), `429`.
    slow: take the gateway's slow time first. surplus: minor units charged beyond what was asked.
    """

    meaning: str
    status: str = "succeeded"
    decline_code: str | None = None
    executes: bool = True
    reply: str = "normal"
    slow: bool = False
    surplus: int = 0


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
    **{f"tok_{code}": Scenario(f"Is declined: {code}", status="declined", decline_code=code) for code in DECLINE_CODES},
}

_NUMBERED = re.compile(r"tok_(?:[a-z]+_)?[0-9]{1,60}")


def scenario_of(token: str) -> str | None:
    """Return the name in SCENARIOS that a test token stands for, or None for a token that is no test token."""
    if token in SCENARIOS:
        return token
    return "tok_success" if _NUMBERED.fullmatch(token) else None
