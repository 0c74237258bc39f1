"""Who calls the API: what the authentication found behind an API key."""

from dataclasses import dataclass
from typing import cast

from rest_framework.request import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key a request carries, and what it may do."""

    client_id: int
    key_id: int
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """The caller's name in the audit trail."""
        return f"client:{self.client_id}"


def caller(request: Request) -> Caller:
    """Return who calls; every view of the API is behind the authentication that sets it."""
    return cast("Caller", request.auth)
