"""The page with the form of a new list."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse

from refunds.admin.bulk.forms import ListForm
from refunds.models import BulkRefund


def new_list_page(request: HttpRequest, site: AdminSite, form: ListForm) -> TemplateResponse:
    """Return the page; its form is sent to its own address wherever it is shown."""
    context = {
        **site.each_context(request),
        "title": "New bulk refund",
        "form": form,
        "opts": BulkRefund._meta,
        "inline_admin_formsets": [],
    }
    return TemplateResponse(request, "admin/console/bulk_refund_new.html", context)
