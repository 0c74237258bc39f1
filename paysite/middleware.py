"""Sessions, users and messages are for pages. The API looks at no cookie, so its requests pass them by."""

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from paysite.api import is_api


class _PagesOnly(MiddlewareMixin):
    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response if is_api(request) else super().__call__
        return answer(request)  # type: ignore[return-value]


class Sessions(_PagesOnly, SessionMiddleware):
    """Django's sessions, for pages."""


class Users(_PagesOnly, AuthenticationMiddleware):
    """Django's `request.user`, for pages."""


class Messages(_PagesOnly, MessageMiddleware):
    """Django's messages, for pages."""
