"""Reads JSON strictly: what two parsers could read differently is refused before anything else sees it."""

import json
import re
from typing import Any, Final, NoReturn

MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
MAX_NODES: Final = 10_000
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


class StrictJSONError(ValueError):
    """The text is not JSON as this API takes it; the message says why."""


class Number(str):
    """A JSON number as it was written, so that 10.10 stays 10.10 and 1e400 is nobody's float."""

    __slots__ = ()


def loads(body: bytes) -> Any:
    """Return the value of `body`, with numbers as `Number`.

    Raises StrictJSONError for other charsets, duplicate keys, NaN, Infinity, lone surrogates, NUL characters, nesting
    deeper than 32 and more than 10,000 nodes.
    """
    _refuse_monsters(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise StrictJSONError("The body is not UTF-8.") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        raise StrictJSONError(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    if "\\u" in text:
        _refuse_characters(value)
    return value


def _refuse_monsters(body: bytes) -> None:
    """Bound depth and size before the parser recurses; the exact count is made only where the rough one is high."""
    openings = body.count(b"[") + body.count(b"{")
    if openings <= MAX_DEPTH and body.count(b",") + openings <= MAX_NODES:
        return
    bare = _STRINGS.sub(b"", body)
    depth = deepest = 0
    for byte in bare:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise StrictJSONError(f"The body is nested deeper than {MAX_DEPTH} levels.")
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > MAX_NODES:
        raise StrictJSONError(f"The body has more than {MAX_NODES} values.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictJSONError("An object has the same key twice.")
    return found


def _constant(name: str) -> NoReturn:
    raise StrictJSONError(f"{name} is not a JSON number.")


def _refuse_characters(value: Any) -> None:
    """Refuse what no database column and no UTF-8 reply can hold; only escapes can bring it in."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise StrictJSONError("A string has a NUL character or half of a surrogate pair.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_characters(key)
            _refuse_characters(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_characters(item)
