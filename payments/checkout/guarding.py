"""What all of the customer's pages have in common: allowed methods, safe headers, and refusals in plain words."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from payments.checkout.forms import Wrong

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse]


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 - an answer to the customer, not a defect
    """A page that says what is wrong, whether anything was charged, and what to do next.

    problems: what is wrong with single fields. link: where to go on, with its words.
    """

    status: int
    title: str
    text: str
    advice: str
    problems: tuple[Wrong, ...] = ()
    link: tuple[str, str] | None = None


NOTHING_CHARGED: Final = "Nothing was charged."


def page(*methods: str) -> Callable[[View], View]:
    """Guard a view of the customer's pages, which answers `methods` only."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method not in methods:
                    raise _wrong_method()
                response = view(request, *args, **kwargs)
            except Refusal as refusal:
                response = _shown(request, refusal)
            except (OperationalError, InterfaceError):
                logger.exception("the database could not be asked")
                response = _shown(request, _unavailable())
                response["Retry-After"] = "5"
            if response.status_code == 405:
                response["Allow"] = ", ".join(methods)
            return secured(response)

        return guarded

    return decorate


def _shown(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    return render(request, "checkout/refused.html", {"refusal": refusal}, status=refusal.status)


def _unavailable() -> Refusal:
    return Refusal(
        503,
        "We cannot look this up just now",
        "Something is not working on our side. Whatever you did before is kept, and you will not be charged twice.",
        "Please wait a moment and reload this page. It shows what became of your payment.",
    )


def secured(response: HttpResponse) -> HttpResponse:
    """Set the headers under which only our own files run, only gateways may be embedded, and nothing is kept."""
    response["Cache-Control"] = "no-store"
    response["Content-Security-Policy"] = content_security_policy()
    # `same-origin`, not `no-referrer`: under the latter browsers send `Origin: null`, which CSRF protection refuses.
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    return response


def content_security_policy() -> str:
    gateways = " ".join(gateway["origin"] for gateway in settings.GATEWAYS) or "'none'"
    return "; ".join(
        [
            "default-src 'self'",
            f"frame-src {gateways}",
            f"form-action 'self' {settings.PUBLIC_URL}".rstrip(),
            "frame-ancestors 'none'",
            "object-src 'none'",
            "base-uri 'none'",
        ]
    )


def _wrong_method() -> Refusal:
    return Refusal(
        405,
        "This page cannot be opened like this",
        "It only answers a button on a page before it. Opening it charged nothing.",
        "Go back to the shop and use its button again.",
    )
