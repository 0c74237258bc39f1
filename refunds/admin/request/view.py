"""The pages that ask for a refund. Only a confirmed POST asks for it, and a form that was used asks for nothing more.

Three steps at one address: the form, what will happen, and the request. The number of the form is in the address
(refunds/admin/nonce.py).
"""

from typing import Any, Final

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from payments.admin.base import page_of
from payments.admin.confirm import because_of
from payments.clock import database_now
from payments.models import Payment
from payments.reliability import refundable
from refunds import rules
from refunds.admin.may import limit_in_words, limits_of
from refunds.admin.nonce import key_of, nonce_of, with_nonce
from refunds.admin.request.form import RefundForm
from refunds.admin.request.told import told
from refunds.models import Origin, Refund
from refunds.services.request import KeyReusedError, RefundRefusedError, Wanted, request
from refunds.states import RefundState

CONFIRMED: Final = "confirmed"
_NOTHING: Final = "Nothing was refunded: no money moved."


def ask_for_refund(http: HttpRequest, site: AdminSite, payment: Payment, user: User) -> HttpResponse:
    """Show the form; on POST what will happen; on its confirmation ask for the refund, once for each form."""
    nonce = nonce_of(http)
    if not nonce:
        return with_nonce(http)
    used = Refund.objects.filter(client_id=payment.client_id, idempotency_key=key_of(nonce)).first()
    if used is not None:
        return _used(http, site, payment, used)
    refusal = rules.why_not(payment, max(refundable.remaining(payment), 1), database_now())
    form = RefundForm(payment, http.POST if http.method == "POST" else None)
    pages = _Pages(http, site, payment, user, form)
    if refusal is not None:
        return pages.form(why_not=refusal.words)
    if http.method != "POST" or not form.is_valid():
        return pages.form()
    if CONFIRMED not in http.POST:
        refused = rules.why_not(payment, form.cleaned_data["amount"], database_now())
        return pages.form(refused=refused.words) if refused else pages.confirmation()
    return _request(pages, nonce)


def _request(pages: "_Pages", nonce: str) -> HttpResponse:
    payment, said = pages.payment, pages.refund_form.cleaned_data
    wanted = Wanted(
        payment_id=payment.pk,
        amount=said["amount"],
        reason=said["reason"],
        note=said["note"],
        origin=Origin.CONSOLE,
        key=key_of(nonce),
        client_id=payment.client_id,
        limits=limits_of(pages.user),
    )
    try:
        requested = request(wanted, because_of(pages.user, "refund"))
    except RefundRefusedError as error:
        return pages.form(refused=error.words)
    except KeyReusedError:
        return pages.form(refused="This form was used for another refund already. Open it anew.")
    refund = requested.refund
    if requested.replayed:
        messages.info(pages.http, "This form had been sent already: it is one refund, and this is its page.")
    elif refund.state == RefundState.AWAITING_APPROVAL:
        messages.success(pages.http, f"The refund of {refund.money} waits for the approval of a second person.")
    else:
        messages.success(
            pages.http, f"The refund of {refund.money} is on its way. Reload the page to see what came of it."
        )
    return HttpResponseRedirect(page_of(refund))


def _used(http: HttpRequest, site: AdminSite, payment: Payment, refund: Refund) -> HttpResponse:
    """Tell that this form asked for a refund already; sent again it leads there, as a second click of the first."""
    if http.method == "POST" and CONFIRMED in http.POST:
        messages.info(http, "This form had been sent already: it is one refund, and this is its page.")
        return HttpResponseRedirect(page_of(refund))
    context = {
        **site.each_context(http),
        "title": "Refund",
        "opts": Refund._meta,
        "payment": payment,
        "refund": refund,
        "refund_url": page_of(refund),
        "back": page_of(payment),
        "again": http.path,
    }
    return TemplateResponse(http, "admin/console/refund_form_used.html", context)


class _Pages:
    """The pages of one form."""

    def __init__(self, http: HttpRequest, site: AdminSite, payment: Payment, user: User, form: RefundForm) -> None:
        self.http, self.site, self.payment, self.user, self.refund_form = http, site, payment, user, form

    def form(self, *, why_not: str = "", refused: str = "") -> TemplateResponse:
        """The form. why_not: nothing of the payment can be refunded; refused: what was asked for cannot."""
        return self._page(
            "admin/console/refund_form.html",
            why_not=why_not,
            refused=f"{refused} {_NOTHING}" if refused else "",
            limit=limit_in_words(self.user, self.payment.currency),
            underway=_underway(self.payment),
        )

    def confirmation(self) -> TemplateResponse:
        said = self.refund_form.cleaned_data
        will = told(self.payment, said["amount"], said["reason"], said["note"], self.user)
        kept = [(name, self.http.POST.get(name, "")) for name in self.refund_form.fields]
        return self._page("admin/console/refund_confirm.html", told=will, kept=kept, confirmed=CONFIRMED)

    def _page(self, template: str, **context: Any) -> TemplateResponse:
        everywhere = {
            **self.site.each_context(self.http),
            "title": "Refund",
            "opts": Refund._meta,
            "payment": self.payment,
            "form": self.refund_form,
            "back": page_of(self.payment),
            # With the number of the form.
            "here": self.http.get_full_path(),
        }
        return TemplateResponse(self.http, template, {**everywhere, **context})


def _underway(payment: Payment) -> list[Refund]:
    """Return the payment's refunds that are not over: whoever asks for another should know of them."""
    states = (RefundState.REQUESTED, RefundState.AWAITING_APPROVAL, RefundState.PROCESSING, RefundState.UNKNOWN)
    return list(Refund.objects.filter(payment_id=payment.pk, state__in=states).order_by("pk"))
