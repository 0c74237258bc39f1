"""Makes text that came from outside safe to store, log and show to operators; customers never see it."""

import re
import unicodedata
from typing import Final

MAX_TEXT: Final = 500

# Card numbers have 12 to 19 digits (ISO/IEC 7812), often grouped. Longer runs are masked too: one may hide in them.
_CARD_NUMBER = re.compile(r"\d(?:[ \u00a0.-]?\d){11,}")
# Webhook secrets are base64, which has + / and = as well.
_SECRET = re.compile(
    r"\b(?:[sr]k|pk|psk)_[A-Za-z0-9_-]{6,}|\bwhsec_[A-Za-z0-9+/=_-]{6,}|(?<=Bearer )\S+", re.IGNORECASE
)


def sanitised(text: str, longest: int = MAX_TEXT) -> str:
    """Return `text` on one line of printable characters, card numbers and secrets masked, cut to `longest`."""
    # Cut once before the work, so that a megabyte costs nothing, and with room for what masking makes shorter.
    text = text[: longest * 4]
    plain = "".join(" " if character.isspace() else character for character in text if _is_shown(character))
    masked = _CARD_NUMBER.sub("[number removed]", _SECRET.sub("[secret removed]", plain))
    return " ".join(masked.split())[:longest]


def _is_shown(character: str) -> bool:
    # Category C holds controls, bidirectional overrides, zero-width characters and lone surrogates.
    return character.isspace() or not unicodedata.category(character).startswith("C")
