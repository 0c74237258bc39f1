"""Links to the rows of other apps that a text names by their ids, for example in the detail of an operator task."""

import re
from dataclasses import dataclass
from typing import Final

from django.urls import reverse

_ID: Final = re.compile(r"\b([a-z]{2,4})_[0-9a-hjkmnp-tv-z]{26}\b")
_pages: Final[dict[str, tuple[str, str]]] = {}


@dataclass(frozen=True, slots=True)
class Mention:
    """One row that is named. name: what kind of row it is."""

    name: str
    id: str
    url: str


def register(prefix: str, name: str, page: str) -> None:
    """Lead from ids that begin with `prefix` to the console's `page` of the row, which is called `name`."""
    _pages[prefix] = name, page


def mentions_in(*texts: str) -> list[Mention]:
    """Return the rows that `texts` name, each once, in their order."""
    found = {match[0]: match[1] for text in texts for match in _ID.finditer(text) if match[1] in _pages}
    return [Mention(_pages[prefix][0], id_, reverse(_pages[prefix][1], args=[id_])) for id_, prefix in found.items()]
