"""Whether a gateway keeps its promise: one charge per key, and none after it said that there is none (requirement C4).

Counted for ever, not for today: the settle loops compare the gateway's own list of charges with ours.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from payments.admin import sentences
from payments.admin.formats import ago
from payments.models import GatewayWatch

# The list is read every 10 s. What a gateway took without right must be seen within a minute.
STALE_AFTER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Promise:
    """words: whether it is kept, and how it was broken. reading: when the gateway's list was last read, or why not.

    is_bad: it was broken. is_blind: nobody would see it being broken now.
    """

    words: str
    reading: str
    is_bad: bool = False
    is_blind: bool = False


def watches() -> dict[str, GatewayWatch]:
    """Return what is known of every gateway that was ever watched, by its name."""
    return {watch.gateway: watch for watch in GatewayWatch.objects.all()}


def promise_of(watch: GatewayWatch | None, now: datetime) -> Promise:
    if watch is None:
        return Promise("not watched", "its list of charges was never read", is_blind=True)
    is_bad = is_broken(watch)
    if is_bad:
        words = f"broken: {_how(watch)}, last {ago(watch.broken_at, now)}"
    else:
        words = "kept" if watch.answered_at else "not known yet"
    is_blind = bool(watch.trouble) or watch.answered_at is None or now - watch.answered_at > STALE_AFTER
    return Promise(words, _reading(watch, now), is_bad, is_blind)


def is_broken(watch: GatewayWatch) -> bool:
    return bool(watch.double_charges or watch.late_charges)


def _how(watch: GatewayWatch) -> str:
    counts = (("charged twice", watch.double_charges), ("late", watch.late_charges))
    return ", ".join(f"{what} {count} {'time' if count == 1 else 'times'}" for what, count in counts if count)


def _reading(watch: GatewayWatch, now: datetime) -> str:
    last = f"list of charges last read {ago(watch.answered_at, now)}" if watch.answered_at else ""
    if watch.trouble:
        trouble = f"the list of charges could not be read: {sentences.in_words(watch.trouble)}"
        return f"{trouble}; {last or 'it never could'}"
    return last or "its list of charges was never read"
