"""Health for load balancers and the supervisor: alive, and ready to take payments."""

from typing import Final

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from payments import queries
from paysite.standing_guards import REMEDY, Look

_guards: Final = Look()


@require_safe
def live(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Answer 200 while this process can answer at all."""
    return JsonResponse({"status": "alive"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Answer 200 while requests can be stored, 503 otherwise; says also when a settle loop last beat, in seconds.

    Without its triggers the database holds no sum of refunds to the capture (requirement D1): this is not ready.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        is_guarded = _guards.finds_all()
        beat = queries.seconds_since_last_beat()
    except Error:
        return JsonResponse({"status": "database unavailable"}, status=503, headers={"Retry-After": "2"})
    if not is_guarded:
        answer = {"status": "database triggers missing", "remedy": REMEDY}
        return JsonResponse(answer, status=503, headers={"Retry-After": "2"})
    return JsonResponse({"status": "ready", "secondsSinceLastBeat": None if beat is None else round(beat, 1)})
