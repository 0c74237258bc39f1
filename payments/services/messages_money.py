"""What a message about money given back tells: how much, why, and whether it is on its way.

The message names an occurrence, an id whose prefix says what it is; whoever gives money back registers how to read it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from payments.models import CustomerMessage, SurplusCharge
from payments.states import SurplusState

Kind = CustomerMessage.Kind


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Money that a customer gets back. amount: minor units. reason: a word that the templates know, or empty.

    tells: the kind of message that is true about it now; empty where none is.
    """

    amount: int
    currency: str
    reason: str
    tells: str


Reader = Callable[[str], GivenBack | None]


def _surplus(occurrence: str) -> GivenBack | None:
    charge = SurplusCharge.objects.filter(pk=occurrence, taken=True).first()
    if charge is None:
        return None
    tells = {SurplusState.RETURNED.value: Kind.REFUNDED.value, SurplusState.REFUSED.value: Kind.REFUND_FAILED.value}
    return GivenBack(charge.amount, charge.currency, charge.reason, tells.get(charge.state, ""))


_READERS: Final[dict[str, Reader]] = {"sur": _surplus}


def register(prefix: str, reader: Reader) -> None:
    """Have occurrences whose id begins with `prefix` read by `reader`, which returns None where it finds none."""
    _READERS[prefix] = reader


def given_back(occurrence: str) -> GivenBack | None:
    """Return what `occurrence` is about; None where nobody knows it."""
    reader = _READERS.get(occurrence.partition("_")[0])
    return None if reader is None else reader(occurrence)
