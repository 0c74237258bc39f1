"""Answers where no view did: problem+json under /api/, a friendly page elsewhere."""

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from payments.api.problems import Problem, not_found
from paysite.api import is_api, plain_problem


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses before any view: a foreign Host header, an unreadable request."""
    if is_api(request):
        return plain_problem(Problem(400, "bad_request", "The request cannot be read.", "Nothing was done."))
    return defaults.bad_request(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return plain_problem(not_found("resource"))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a defect of ours. What was accepted before it stays accepted."""
    if is_api(request):
        problem = Problem(
            status=500,
            code="internal_error",
            title="Something went wrong on our side.",
            detail="Send the same request with the same idempotency key again; it is never charged twice.",
            retryable=True,
        )
        return plain_problem(problem)
    return defaults.server_error(request)
