"""Errors of the API, in the one form of RFC 9457: what happened, whether money moved, and what to do next."""

from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `field` is its path in the request, such as `paymentMethod.token`."""

    field: str
    message: str


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """A refusal that a client can act on: it came before anything was done, so that no money moved by this request."""

    status: int
    code: str
    title: str
    detail: str
    retryable: bool = False
    errors: list[FieldError] = field(default_factory=list)
    retry_after: int | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the problem as `application/problem+json` has it."""
        found: dict[str, Any] = {
            "type": f"urn:paysite:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "retryable": self.retryable,
            # Of our own failures nobody can say: the payment of an earlier try may have been settled meanwhile.
            "moneyMoved": False if self.status < 500 else None,
            "timestamp": timezone.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **self.more,
        }
        if self.errors:
            found["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return found


def invalid(errors: list[FieldError]) -> Problem:
    """Return the 400 for fields that cannot be accepted."""
    return Problem(
        status=400,
        code="invalid_request",
        title="The request is not valid.",
        detail="Nothing was done and nothing was charged. Correct the fields named in errors and send it again.",
        errors=errors,
    )


def not_found(what: str) -> Problem:
    """Return the 404 that is the same for what does not exist and for what belongs to somebody else."""
    return Problem(
        status=404, code="not_found", title=f"There is no such {what}.", detail="Check the id and the API key."
    )
