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
from payments.money import Money
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
_ONE_REFUND: Final = "This form had been sent already: it is one refund, and this is its page."
_REUSED: Final = "This form was used for another refund already. Open it anew."


def ask_for_refund(http: HttpRequest, site: AdminSite, payment: Payment, user: User) -> HttpResponse:
    """Show the form; on POST what will happen; on its confirmation ask for the refund, once for each form."""
    nonce = nonce_of(http)
    if not nonce:
        return with_nonce(http)
    form = RefundForm(payment, http.POST if http.method == "POST" else None)
    pages = _Pages(http, site, payment, user, form)
    used = _refund_by(payment, nonce)
    if used is not None:
        return _used(pages, used, nonce)
    refusal = rules.why_not(payment, max(refundable.remaining(payment), 1), database_now())
    if refusal is not None:
        return pages.form(why_not=refusal.words)
    if http.method != "POST" or not form.is_valid():
        return pages.form()
    if CONFIRMED not in http.POST:
        refused = rules.why_not(payment, form.cleaned_data["amount"], database_now())
        return pages.form(refused=refused.words) if refused else pages.confirmation()
    return _request(pages, nonce)


def _request(pages: "_Pages", nonce: str) -> HttpResponse:
    try:
        requested = request(_wanted(pages, nonce), because_of(pages.user, "refund"))
    except RefundRefusedError as error:
        return pages.form(refused=error.words)
    except KeyReusedError:
        # Another tab was faster by a moment. Refunds are never deleted: it is there.
        used = _refund_by(pages.payment, nonce)
        return pages.form(refused=_REUSED) if used is None else pages.used(used, differs=True)
    refund = requested.refund
    if requested.replayed:
        messages.info(pages.http, _ONE_REFUND)
    elif refund.state == RefundState.AWAITING_APPROVAL:
        messages.success(pages.http, f"The refund of {refund.money} waits for the approval of a second person.")
    else:
        messages.success(
            pages.http, f"The refund of {refund.money} is on its way. Reload the page to see what came of it."
        )
    return HttpResponseRedirect(page_of(refund))


def _wanted(pages: "_Pages", nonce: str) -> Wanted:
    """Return what the valid form asks for."""
    payment, said = pages.payment, pages.refund_form.cleaned_data
    return Wanted(
        payment_id=payment.pk,
        amount=said["amount"],
        reason=said["reason"],
        note=said["note"],
        origin=Origin.CONSOLE,
        key=key_of(nonce),
        client_id=payment.client_id,
        limits=limits_of(pages.user),
    )


def _refund_by(payment: Payment, nonce: str) -> Refund | None:
    """Return what was asked for with the form of this number before."""
    return Refund.objects.filter(client_id=payment.client_id, idempotency_key=key_of(nonce)).first()


def _used(pages: "_Pages", refund: Refund, nonce: str) -> HttpResponse:
    """Tell that this form asked for a refund already; the same sent again leads there, as a second click does."""
    http, form = pages.http, pages.refund_form
    is_same = form.is_valid() and _wanted(pages, nonce).hash == refund.request_hash
    if is_same and CONFIRMED in http.POST:
        messages.info(http, _ONE_REFUND)
        return HttpResponseRedirect(page_of(refund))
    return pages.used(refund, differs=form.is_bound and not is_same)


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

    def used(self, refund: Refund, *, differs: bool) -> TemplateResponse:
        """The form asked for `refund` already, maybe of another payment. differs: so does what is sent with it now."""
        return self._page(
            "admin/console/refund_form_used.html",
            refund=refund,
            refund_url=page_of(refund),
            differs=differs,
            other_money=self._other_money(refund) if differs else None,
            of_another=refund.payment_id != self.payment.pk,
            again=self.http.path,
        )

    def _other_money(self, refund: Refund) -> Money | None:
        """Return the amount that is sent now, where it can be read and is not what `refund` gives back already."""
        amount = self.refund_form.cleaned_data.get("amount")
        money = Money(amount, self.payment.currency) if amount else None
        return None if refund.payment_id == self.payment.pk and money == refund.money else money

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
