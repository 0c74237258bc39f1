"""The body of a gateway's event as an operator reads it. A gateway may write anything: the page escapes it."""

from typing import Final

import orjson

# Characters that are shown; a body may have 256 kB.
MOST: Final = 20_000


def readable(body: bytes) -> str:
    """Return JSON with line ends and indents, anything else as text, with marks for bytes that are none."""
    try:
        text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except ValueError:
        text = body.decode(errors="replace")
    return text if len(text) <= MOST else f"{text[:MOST]}\n… ({len(text) - MOST} more characters)"
