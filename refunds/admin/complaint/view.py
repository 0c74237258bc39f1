"""The pages that take a complaint on: the form, what may happen, and the decision, which is made once for each form."""

from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from payments.admin.base import page_of
from payments.admin.confirm import because_of
from payments.models import Client, Order
from payments.money import Money
from refunds.admin.complaint.form import ComplaintForm
from refunds.admin.nonce import key_of, nonce_of, with_nonce
from refunds.models import Complaint
from refunds.services.complain import Answered, Complained, complain
from refunds.services.request import KeyReusedError, RefundRefusedError

CONFIRMED: Final = "confirmed"
_NOTHING: Final = "Nothing was refunded: no money moved, and nobody was asked."


def take_on(http: HttpRequest, site: AdminSite, user: User) -> HttpResponse:
    """Show the form; on POST what may happen; on its confirmation let the policy decide, once for each form."""
    nonce = nonce_of(http)
    if not nonce:
        return with_nonce(http)
    used = Complaint.objects.filter(client__in=Client.objects.all(), idempotency_key=key_of(nonce)).first()
    if used is not None:
        messages.info(http, "This form had been sent already: it is one complaint, and this is its page.")
        return HttpResponseRedirect(page_of(used))
    initial = {name: http.GET.get(name, "")[:64] for name in ("client", "order")}
    form = ComplaintForm(http.POST if http.method == "POST" else None, initial=initial)
    if http.method != "POST" or not form.is_valid():
        return _page(http, site, "complaint_form", form=form)
    said = form.cleaned_data
    order = Order.objects.filter(client=said["client"], reference=said["order"]).first()
    if order is None:
        form.add_error("order", "This shop has no such order.")
        return _page(http, site, "complaint_form", form=form)
    if CONFIRMED not in http.POST:
        return _confirmation(http, site, form, order)
    return _decide(http, site, form, nonce, user)


def _decide(http: HttpRequest, site: AdminSite, form: ComplaintForm, nonce: str, user: User) -> HttpResponse:
    said = form.cleaned_data
    complained = Complained(said["client"].pk, said["order"], said["words"], key_of(nonce))
    try:
        answered = complain(complained, because_of(user, "complaint"))
    except RefundRefusedError as error:
        return _page(http, site, "complaint_form", form=form, refused=f"{error.words} {_NOTHING}")
    except KeyReusedError:
        return _page(http, site, "complaint_form", form=form, refused="This form was used already. Open it anew.")
    tell = messages.success if answered.complaint.refund_id else messages.warning
    tell(http, in_words(answered))
    return HttpResponseRedirect(page_of(answered.complaint))


def in_words(answered: Answered) -> str:
    """Return the decision, for whoever sent the complaint."""
    complaint = answered.complaint
    money = Money(complaint.amount, complaint.currency)
    if complaint.decision == Complaint.Decision.REFUNDED:
        return f"{money} are refunded at once: {complaint.why}"
    return f"Nothing is refunded yet: a person decides. {complaint.why}"


def _confirmation(http: HttpRequest, site: AdminSite, form: ComplaintForm, order: Order) -> HttpResponse:
    limit = Money(settings.PROACTIVE_LIMITS.get(order.currency, 0), order.currency)
    kept = [(name, http.POST.get(name, "")) for name in form.fields]
    return _page(http, site, "complaint_confirm", form=form, order=order, limit=limit, kept=kept, confirmed=CONFIRMED)


def _page(http: HttpRequest, site: AdminSite, template: str, **context: Any) -> TemplateResponse:
    everywhere = {
        **site.each_context(http),
        "title": "Complaint",
        "opts": Complaint._meta,
        "back": reverse("admin:refunds_complaint_changelist"),
        "here": http.get_full_path(),
    }
    return TemplateResponse(http, f"admin/console/{template}.html", {**everywhere, **context})
