"""How often the card networks let one card be tried again after declines (requirement B4).

Visa: at most 20 times in 30 days; Mastercard: 10 times in 24 hours and 35 times in 30 days. Both forbid some tries
altogether: the gateway says so, and `never_again` of the attempt keeps it. A card of an unknown brand gets both limits.
"""

from datetime import datetime, timedelta
from typing import Final

from payments.declines import DeclineClass, decline
from payments.models import Attempt
from payments.states import AttemptState

Limit = tuple[int, timedelta]
_VISA: Final[tuple[Limit, ...]] = ((20, timedelta(days=30)),)
_MASTERCARD: Final[tuple[Limit, ...]] = ((10, timedelta(hours=24)), (35, timedelta(days=30)))
_LIMITS: Final = {"visa": _VISA, "mastercard": _MASTERCARD}
_STRICTEST: Final = (*_VISA, *_MASTERCARD)
_MOST: Final = max(most for limits in _LIMITS.values() for most, _ in limits)


def is_used_up(attempt: Attempt, now: datetime) -> bool:
    """Say whether the card of `attempt`, which was declined just now, may not be tried again for the time being."""
    if not attempt.card_fingerprint:
        return False
    declined = Attempt.objects.filter(card_fingerprint=attempt.card_fingerprint, state=AttemptState.DECLINED)
    rows = declined.exclude(pk=attempt.pk).order_by("-sent_at").values_list("sent_at", "decline_code", "gateway")
    times = [at for at, code, gateway in rows[: 2 * _MOST] if _reached_the_network(code, gateway)]
    if _reached_the_network(attempt.decline_code, attempt.gateway):
        times.insert(0, attempt.sent_at)
    limits = _LIMITS.get(attempt.card_brand, _STRICTEST)
    return any(sum(at > now - period for at in times) >= most for most, period in limits)


def _reached_the_network(code: str, gateway: str) -> bool:
    """Say whether a decline was the issuer's: what a gateway failed to process is no try with the card."""
    return decline(code, gateway).decline_class is not DeclineClass.PROCESSING
