"""The demo's inbox: the e-mails and SMS that customers and the team would have got. In demo mode only."""

from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from payments.checkout.guarding import page
from payments.services.sms import FOLDER
from paysite.demo.inbox import MOST, everything

# An e-mail brings its styles along, and an iframe inherits what its page may do; scripts may not run in either.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@page("GET", "HEAD")
def _inbox(request: HttpRequest) -> HttpResponse:
    # With a mail server, e-mails are there and not here.
    mails = getattr(settings, "EMAIL_FILE_PATH", None)
    messages = everything(mails, settings.VAR_DIR / FOLDER, team=settings.ALERT_EMAILS)
    context = {"messages": messages, "most": MOST, "elsewhere": mails is None, "events_url": settings.DEMO_INBOX_URL}
    return render(request, "shop/inbox.html", context)


def inbox(request: HttpRequest) -> HttpResponse:
    """Show what was sent, newest first."""
    if not settings.DEMO:
        raise Http404
    response = _inbox(request)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
