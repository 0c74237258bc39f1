"""The customer's pages. GET changes nothing; every POST ends in a redirect, so that reload repeats nothing.

What GET may do is say that there is news, so that the gateway is asked a little sooner (payments/services/nudge.py).
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from payments.checkout import card_entry, forms, languages, order_lines, presenters, refusals, return_urls, sessions
from payments.checkout import pay as paying
from payments.checkout.alternatives import alternatives
from payments.checkout.giving_back import money_back_of
from payments.checkout.guarding import page
from payments.checkout.mails import sentence_about
from payments.checkout.surplus import surplus_of
from payments.clock import database_now
from payments.models import CheckoutSession, Payment
from payments.services import nudge
from payments.services.return_address import is_proven


# Posted by another site by its nature: the signature is what is believed, and no cookie is looked at.
@csrf_exempt
@page("POST")
def start(request: HttpRequest) -> HttpResponse:
    """Take a shop's signed order form and go on to its checkout page."""
    if request.FILES:
        raise refusals.bad_form([forms.Wrong(name[:40], "is a file.") for name in request.FILES])
    try:
        language = languages.of_browser(request.headers.get("Accept-Language", ""))
        session = sessions.open_session(forms.read(request.POST), language)
    except forms.BadFormError as error:
        raise refusals.bad_form(error.problems) from None
    except sessions.OtherAmountError:
        raise refusals.other_amount() from None
    return _next_page(session, sessions.shown(sessions.payments_of(session.order)))


@page("GET", "HEAD")
def checkout(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is bought, the amount, and the card entry of the gateway."""
    session = _session(token)
    payments = sessions.payments_of(session.order)
    shown = sessions.shown(payments)
    if shown is not None and sessions.stands_in_the_way(shown):
        return _redirect("status", session)
    _refuse_expired(session)
    avoided = card_entry.avoided_by(request.GET)
    if avoided:
        nudge.card_page_did_not_come(avoided)
    context = {
        **_summary(session),
        "entry": card_entry.entry(request, session.order, reverse("checkout:card", args=[token]), avoided),
        "no_form": presenters.NO_CARD_FORM,
        "alternatives": alternatives(),
        "submission": sessions.next_submission(session, payments),
        "last_try": _status(request, shown, payments) if shown else None,
    }
    return render(request, "checkout/checkout.html", context)


@page("GET", "HEAD")
def card(request: HttpRequest, token: str) -> HttpResponse:
    """Ask once more before paying with the card that was typed on the gateway's own page (without JavaScript)."""
    session = _session(token)
    payments = sessions.payments_of(session.order)
    if sessions.stands_in_the_way(sessions.shown(payments)):
        return _redirect("status", session)
    _refuse_expired(session)
    chosen = card_entry.card_from(request.GET)
    if chosen is None:
        raise refusals.no_card(_address("checkout", session))
    context = {**_summary(session), "card": chosen, "submission": sessions.next_submission(session, payments)}
    return render(request, "checkout/confirm.html", context)


@page("POST")
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the payment and show its status."""
    session = _session(token)
    if not sessions.stands_in_the_way(sessions.shown(sessions.payments_of(session.order))):
        _refuse_expired(session)
        card_token, submission = request.POST.get("token", ""), request.POST.get("submission", "")
        if not card_entry.is_token(card_token) or not (submission.isascii() and submission.isdigit()):
            raise refusals.no_card(_address("checkout", session))
        paying.submit(session, int(submission[:6]), card_token)
    return _redirect("status", session)


@page("GET", "HEAD")
def status(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is happening, the result, and what can be done next."""
    session = _session(token)
    payments = sessions.payments_of(session.order)
    payment = sessions.shown(payments)
    if payment is None:
        return _redirect("checkout", session)
    shown = _status(request, payment, payments)
    context = {
        **_summary(session),
        "payment": payment,
        "status": shown,
        "tag": shown.tag(payment),
        "action_url": _web_address(payment.action_url),
        "may_try_again": not sessions.is_expired(session),
        "alternatives": alternatives() if shown.suggests else None,
        "back_url": return_urls.with_result(session.return_url, orderID=session.order.reference, paymentID=payment.pk),
    }
    return render(request, "checkout/status.html", context)


@page("GET", "HEAD")
def status_json(request: HttpRequest, token: str) -> HttpResponse:
    """Answer the status page's question whether it still tells the truth."""
    session = _session(token)
    payments = sessions.payments_of(session.order)
    payment = sessions.shown(payments)
    if payment is None:
        return JsonResponse({"tag": "", "final": False})
    shown = _status(request, payment, payments)
    return JsonResponse({"tag": shown.tag(payment), "final": shown.is_final})


@page("GET", "HEAD")
def came_back(request: HttpRequest, payment_id: str, proof: str = "") -> HttpResponse:
    """Receive a customer whom the gateway's confirmation page sent back: the gateway is asked at once.

    Without the right proof the page is the same for every id, known or not: ids are told to support, for example.
    """
    nudge.customer_came_back(payment_id)
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None or not is_proven(payment, proof):
        return render(request, "checkout/close.html", {"said": presenters.CLOSE_WINDOW})
    session = sessions.newest_of(payment.order_id)
    if session is None:
        return render(request, "checkout/close.html", {"said": presenters.close_window(payment)})
    return _redirect("status", session, query="?returned=1")


def _session(token: str) -> CheckoutSession:
    session = sessions.find(token)
    if session is None:
        raise refusals.unknown_page()
    return session


def _refuse_expired(session: CheckoutSession) -> None:
    if sessions.is_expired(session):
        raise refusals.expired(session)


def _next_page(session: CheckoutSession, shown: Payment | None) -> HttpResponse:
    return _redirect("status" if sessions.stands_in_the_way(shown) else "checkout", session)


def _redirect(name: str, session: CheckoutSession, query: str = "") -> HttpResponse:
    """Return 303 See Other: the browser asks for the next page by GET, whatever it did before."""
    return HttpResponse(status=303, headers={"Location": _address(name, session) + query})


def _address(name: str, session: CheckoutSession) -> str:
    return reverse(f"checkout:{name}", args=[session.token])


def _status(request: HttpRequest, shown: Payment, payments: list[Payment]) -> presenters.Status:
    """Return what is said about `shown`, the one of the order's `payments` that the customer is told about."""
    return presenters.status_of(
        shown,
        now=database_now(),
        came_back=request.GET.get("returned") == "1",
        surplus=surplus_of(payments),
        mail=sentence_about(shown),
        money_back=money_back_of(shown),
    )


def _summary(session: CheckoutSession) -> dict[str, object]:
    order = session.order
    return {
        "demo": settings.DEMO,
        "session": session,
        "shop": session.client,
        "shop_host": urlsplit(session.return_url).netloc,
        "order": order,
        "lines": order_lines.lines_of(order),
        "amount": order_lines.amount_of(order),
    }


def _web_address(url: str) -> str:
    """Return `url` if a browser may be sent there at all: a gateway never has a reason to answer a script."""
    return url if url.startswith(("https://", "http://")) else ""
