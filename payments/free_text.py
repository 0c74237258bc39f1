"""Free text that people type, such as reasons: it is written into logs and records and shown on pages."""

import re
import unicodedata
from typing import Final

_LINE_ENDS: Final = re.compile(r"(?:\r\n|[\n\r\u2028\u2029])+")


class UnprintableError(ValueError):
    """The text has a character that cannot be shown; the words say which and where."""


def one_line(text: str) -> str:
    """Return `text` without blanks around it, its line ends as spaces.

    Raises UnprintableError for anything else that is neither printable nor a space: a terminal that shows the log
    would obey control characters, and nobody sees the others.
    """
    line = _LINE_ENDS.sub(" ", text).strip()
    for place, character in enumerate(line):
        if not character.isprintable() and unicodedata.category(character) != "Zs":
            raise UnprintableError(_words(line[:place], character))
    return line


def _words(before: str, character: str) -> str:
    where = f"after “{before[-20:]}”" if before else "at its beginning"
    return f"There is a character that cannot be shown (U+{ord(character):04X}) {where}. Delete it."
