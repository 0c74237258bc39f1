"""The API's root: who may call it, how its bodies are read and written, and its one error format (RFC 9457)."""

import hmac
import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from payments.api.caller import Caller, caller
from payments.api.problems import FieldError, Problem, invalid, not_found
from payments.api.strict_json import MAX_BYTES, StrictJSONError, loads
from payments.models import ApiKey
from payments.models.client import digest_of

if TYPE_CHECKING:  # rest_framework.views reads the settings that name this module
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

# Seconds for which a process believes a key it has seen: a revoked key stops working within this time.
KEY_CACHE_SECONDS: Final = 5.0
_KEY_CACHE_SIZE: Final = 10_000


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer psk_…`. A request with a key in its query string is refused."""

    _seen: dict[str, tuple[float, Caller]] = {}

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        if "psk_" in request.META.get("QUERY_STRING", ""):
            # It is in somebody's log by now: even with a good header beside it this must not go unnoticed.
            raise exceptions.NotAuthenticated
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not 20 <= len(key) <= 128 or not key.isascii():
            raise exceptions.NotAuthenticated
        digest = digest_of(key)
        found = self._seen.get(digest)
        if found is None or found[0] < time.monotonic():
            found = self._look_up(digest)
        return None, found[1]

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def _look_up(self, digest: str) -> tuple[float, Caller]:
        mode = ApiKey.Mode.TEST if settings.DEMO else ApiKey.Mode.LIVE
        keys = ApiKey.objects.filter(digest=digest, mode=mode, revoked_at__isnull=True, client__is_active=True)
        key = keys.first()
        if key is None or not hmac.compare_digest(key.digest, digest):
            self._seen.pop(digest, None)
            raise exceptions.AuthenticationFailed
        if len(self._seen) >= _KEY_CACHE_SIZE:
            self._seen.clear()
        caller = Caller(key.client_id, key.pk, frozenset(key.scopes))
        entry = self._seen[digest] = (time.monotonic() + KEY_CACHE_SECONDS, caller)
        return entry


class HasScope(BasePermission):
    """Asks for the scope that the view names for the request's method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scopes: dict[str, str] = getattr(view, "scopes", {})
        needed = scopes.get(request.method or "")
        if needed is not None and needed not in caller(request).scopes:
            raise Problem(
                status=403,
                code="scope_missing",
                title="This API key may not do that.",
                detail=f"The call needs the scope {needed}. Nothing was done.",
            )
        return True


class StrictJSONParser(BaseParser):
    """Reads a bounded body as strict JSON (payments/api/strict_json.py)."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        request: Request = parser_context["request"]
        charset = (media_type or "").partition("charset=")[2].strip("\"' ;").lower()
        if charset not in {"", "utf-8", "utf8"} or request.META.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            raise exceptions.UnsupportedMediaType(media_type or "")
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            raise invalid([FieldError("", "has a Content-Length that is not a number.")]) from None
        body = b"" if length > MAX_BYTES else stream.read(MAX_BYTES + 1)
        if length > MAX_BYTES or len(body) > MAX_BYTES:
            raise Problem(
                status=413,
                code="body_too_large",
                title="The body is too large.",
                detail=f"At most {MAX_BYTES} bytes are read. Nothing was done.",
            )
        if len(body) < length:
            raise invalid([FieldError("", "is shorter than its Content-Length says.")])
        try:
            return loads(body)
        except StrictJSONError as error:
            raise invalid([FieldError("", str(error))]) from None


class OneFormat(DefaultContentNegotiation):
    """Answers are JSON whatever `Accept` says, as RFC 9110 (section 12.5.1) allows: an error must be readable, too."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class JSONRenderer(BaseRenderer):
    """Writes JSON; exact numbers are `orjson.Fragment`s."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else orjson.dumps(data)


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render whatever a view raised as problem+json (DRF's EXCEPTION_HANDLER)."""
    problem = _problem(error)
    if problem is None:
        return None
    response = Response(problem.body(), status=problem.status, content_type="application/problem+json")
    if problem.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if problem.retry_after is not None:
        response["Retry-After"] = str(problem.retry_after)
    if isinstance(error, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def _problem(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return _UNAUTHENTICATED
    if isinstance(error, Http404):
        return not_found("resource")
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("the database refused", exc_info=error)
        return UNAVAILABLE
    if isinstance(error, PermissionDenied):
        return Problem(403, "forbidden", "This is not allowed.", "Nothing was done.")
    if isinstance(error, exceptions.APIException):
        code = str(error.default_code)
        return Problem(error.status_code, code, str(error.detail), "Nothing was done and nothing was charged.")
    return None


_UNAUTHENTICATED: Final = Problem(
    status=401,
    code="unauthenticated",
    title="The API key is missing or not valid.",
    detail="Send Authorization: Bearer psk_… with a key from the console. Nothing was done.",
)
UNAVAILABLE: Final = Problem(
    status=503,
    code="temporarily_unavailable",
    title="The service cannot store requests just now.",
    detail="Send the same request with the same idempotency key again; it is never charged twice.",
    retryable=True,
    retry_after=2,
)


def plain_problem(problem: Problem) -> HttpResponse:
    """Return `problem` outside of DRF: for addresses that no view answers."""
    return HttpResponse(orjson.dumps(problem.body()), status=problem.status, content_type="application/problem+json")


def is_api(request: HttpRequest) -> bool:
    """Say whether a program asks, which looks at no cookie and reads errors as problem+json: a shop's or a gateway."""
    return request.path.startswith(("/api/", "/webhooks/")) or request.path == "/api"
