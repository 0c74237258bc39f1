"""The languages in which customers get messages: one for each catalogue in payments/locale, and English (G7)."""

from collections.abc import Iterable
from typing import Final

from django.utils.translation.trans_real import parse_accept_lang_header

LANGUAGES: Final = ("en", "de")
# Of an Accept-Language header; a longer one is nobody's honest wish.
_LONGEST: Final = 500


def known(code: str) -> str:
    """Return the language of `code` (`de`, `de-AT`); empty, which means the default, for one that we do not have."""
    return _first([code.strip().lower()])


def of_browser(header: str) -> str:
    """Return the language of an Accept-Language header that the browser likes best among ours; empty for none."""
    if len(header) > _LONGEST:
        return ""
    return _first(code for code, _ in parse_accept_lang_header(header.lower()))


def _first(codes: Iterable[str]) -> str:
    primary = (code.partition("-")[0] for code in codes)
    return next((code for code in primary if code in LANGUAGES), "")
