"""“Refund these payments…” above the console's list of payments: it fills in a new bulk refund, and nothing more."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from payments.admin.confirm import operator_of
from payments.models import Payment
from refunds.admin.bulk.forms import ListForm
from refunds.admin.bulk.new import new_list_page
from refunds.admin.may import MAY_REQUEST
from refunds.services.bulk.lines import MOST_ROWS


@admin.action(description="Refund these payments…")
def refund_these(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, payments: QuerySet[Payment]
) -> HttpResponse | None:
    """Show the form of a new list with the chosen payments. Nothing is written."""
    if not operator_of(request).has_perm(MAY_REQUEST):
        messages.error(request, "You may look at payments, not refund them.")
        return None
    ids = list(payments.values_list("pk", flat=True)[: MOST_ROWS + 1])
    if len(ids) > MOST_ROWS:
        messages.error(request, f"More than {MOST_ROWS:,} payments are chosen. Filter the list first.")
        return None
    return new_list_page(request, model_admin.admin_site, ListForm(pasted="\n".join(ids)))


# The page of payments is registered by now, as the console of refunds imports that of payments first.
_payments: "admin.ModelAdmin[Any]" = admin.site.get_model_admin(Payment)
_payments.actions = (*(_payments.actions or ()), refund_these)
