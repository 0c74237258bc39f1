"""The confirmation before anything is done: says what will happen, asks why, and acts on POST alone.

Unfold's own actions are GET links, which a browser or proxy may follow by itself: they are not used here.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxLengthValidator
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget

from payments.admin.free_text import FreeTextField
from payments.audit import Because


class RefusedError(Exception):
    """What the operator asked for cannot be done; the text says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an operator is asked. will: what happens on yes. why_not: set where it cannot be done now."""

    title: str
    will: str
    button: str
    why_not: str = ""
    is_dangerous: bool = False
    label: str = "Why?"
    help: str = "Goes into the audit trail with your name."
    longest: int = 200


class ReasonForm(forms.Form):
    """Asks for a reason, which nobody may leave out: one line of printable text."""

    reason = FreeTextField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))

    def __init__(self, question: Question, data: Any = None) -> None:
        super().__init__(data)
        field = self.fields["reason"]
        field.label, field.help_text = question.label, question.help
        field.widget.attrs["maxlength"] = question.longest
        field.validators.append(MaxLengthValidator(question.longest))


def reason_given(request: HttpRequest, form: ReasonForm) -> str:
    """Return the reason of a confirmed request; empty where it has yet to be asked for."""
    return str(form.cleaned_data["reason"]) if request.method == "POST" and form.is_valid() else ""


def ask(
    request: HttpRequest, site: AdminSite, question: Question, form: forms.Form, subject: Model, back: str
) -> TemplateResponse:
    """Return the confirmation page about `subject`; `back` is where "no" leads."""
    context = {
        **site.each_context(request),
        "title": question.title,
        "question": question,
        "form": form,
        "opts": subject._meta,
        "original": subject,
        "inline_admin_formsets": [],
        "back": back,
    }
    return TemplateResponse(request, "admin/console/confirm.html", context)


def operator_of(request: HttpRequest) -> User:
    """Return the user who is logged in, which the site has checked before any page is reached."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def because_of(user: User, what: str) -> Because:
    """Return who acts, for the audit trail: `operator:anna`, `console:cancel`."""
    return Because(actor=f"operator:{user.get_username()}"[:64], cause=f"console:{what}")
