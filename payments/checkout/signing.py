"""Signs and checks checkout forms: HMAC-SHA256 over all fields with the shop's form secret (docs/checkout-form.md)."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

SIGNATURE: Final = "signature"


def canonical(fields: Mapping[str, str]) -> str:
    """Return what is signed: each field but the signature as `name=value`, sorted by name, joined by line feeds.

    No field may hold a control character (forms.py refuses them), so two different forms never read the same here.
    """
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields) if name != SIGNATURE)


def sign(fields: Mapping[str, str], secret: str) -> str:
    """Return the signature of `fields` as 64 lower-case hexadecimal digits."""
    return hmac.new(secret.encode(), canonical(fields).encode(), hashlib.sha256).hexdigest()


def is_signed(fields: Mapping[str, str], secret: str) -> bool:
    """Say whether `fields` carries its right signature, in a time that does not depend on how wrong it is."""
    return hmac.compare_digest(sign(fields, secret).encode(), fields.get(SIGNATURE, "").encode())
