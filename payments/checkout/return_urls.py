"""Where customers may be sent back to: only addresses at the shop's own origins."""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import urlencode, urlsplit

LONGEST: Final = 500
# Printable ASCII without blank, backslash and what never appears unescaped in an address.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def problem_with(url: str, origins: Collection[str]) -> str:
    """Return what is wrong with `url`, or an empty text.

    Browsers read backslashes, blanks and user names more generously than servers do, and end up at other hosts; so all
    of them are refused, and then the origin must be listed exactly.
    """
    if len(url) > LONGEST:
        return f"is longer than {LONGEST} characters."
    if not _PLAIN.fullmatch(url):
        return "has characters that a web address cannot have."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a web address."
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "must be a whole web address that starts with https://."
    if "@" in parts.netloc:
        return "must not carry a user name or password."
    if _origin(parts.scheme, parts.hostname, port) not in origins:
        return "is not at an address that this shop has registered."
    return ""


def with_result(url: str, **result: str) -> str:
    """Return `url` with `result` appended to its query; a fragment stays behind it."""
    address, hash_sign, fragment = url.partition("#")
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode(result)}{hash_sign}{fragment}"


def _origin(scheme: str, host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{name}" if port in {None, usual} else f"{scheme}://{name}:{port}"
