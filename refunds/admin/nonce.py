"""The number of a form: names what is asked for with it, so that it is asked for once however often it is sent (D2).

It is made when the form is opened and stands in the form's address: whoever goes back, reloads or presses twice comes
with the same one. Whoever opens the form anew gets another, and what is asked for then is meant.
"""

import re
import secrets
from typing import Final

from django.http import HttpRequest, HttpResponseRedirect

PARAMETER: Final = "form"
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{22}")


def nonce_of(request: HttpRequest) -> str:
    """Return the number of the form that is shown or sent; empty where it has none yet."""
    given = request.GET.get(PARAMETER, "")
    return given if _FORM.fullmatch(given) else ""


def with_nonce(request: HttpRequest) -> HttpResponseRedirect:
    """Lead to the same page with a number of its own."""
    query = request.GET.copy()
    query[PARAMETER] = secrets.token_urlsafe(16)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


def key_of(nonce: str) -> str:
    """Return the idempotency key of what is asked for: no client can have it, whose keys know no `~`."""
    return f"~console:{nonce}"
