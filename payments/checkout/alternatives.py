"""Other ways to pay, suggested after a card's last decline (requirement B7, level 5).

The shop offers them, except for another card, which our own form takes: this site only names them.
"""

from dataclasses import dataclass
from typing import Final

from django.conf import settings

# The one name in settings.ALTERNATIVES that is our own form again.
ANOTHER_CARD: Final = "another card"


@dataclass(frozen=True, slots=True)
class Alternatives:
    """here: how our own form is named in the list, empty where it is not in it. at_shop: what the shop offers."""

    here: str
    at_shop: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.here or self.at_shop)


def alternatives() -> Alternatives:
    """Return what this installation suggests (settings.ALTERNATIVES), in its order."""
    here = next((name for name in settings.ALTERNATIVES if name.casefold() == ANOTHER_CARD), "")
    return Alternatives(here, tuple(name for name in settings.ALTERNATIVES if name.casefold() != ANOTHER_CARD))
