"""What every page of the operator console builds on."""

from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib.admin import ShowFacets
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django.contrib import admin

    # Unfold ships no types; its ModelAdmin is Django's with another look.
    class ModelAdmin(admin.ModelAdmin[Any]):
        list_fullwidth: bool
        list_before_template: str
        compressed_fields: bool
else:
    from unfold.admin import ModelAdmin

from payments.admin.paginator import CappedPaginator

# What the filters of a list ask for, after the name of their column.
_ASKED: Final = ("", "__exact", "__id__exact", "__isnull")


class ConsoleAdmin(ModelAdmin):
    """Lists that can be filtered by what their filters offer, and by nothing else.

    Django lets every column be asked for by an address such as `?secret__startswith=a`: whoever may see a list could
    read any secret of its rows, one character after the other.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        columns = [name for name in self.list_filter if isinstance(name, str)]
        offered = {f"{name}{asked}" for name in columns for asked in _ASKED}
        return lookup in offered | {getattr(each, "parameter_name", "") for each in self.list_filter}


class ReadOnlyAdmin(ConsoleAdmin):
    """Rows that the console shows and nobody can add, edit or delete through it, not even a superuser (G1, G4).

    Django asks these methods before every view and every bulk action, so that posting to the addresses is refused too.
    exact_search: indexed columns that a search compares with the whole term; nothing is searched by parts of words.
    nothing: what an empty list says.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    # Counts beside each filter would count the whole table, once per choice.
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    change_list_template = "admin/console/list.html"
    list_before_template = "admin/console/list_note.html"
    actions: tuple[str, ...] | None = None
    # Sorting by anything but the primary key would sort the whole table.
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    sortable_by = ()
    list_fullwidth = True
    compressed_fields = True
    exact_search: tuple[str, ...] = ()
    nothing = "There is nothing here yet."

    def has_add_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return self.exact_search

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q.create([(name, term) for name in self.exact_search], connector=Q.OR)), False


def payment_link(payment_id: str) -> SafeString:
    """Return a link to the page of a payment."""
    url = reverse("admin:payments_payment_change", args=[payment_id])
    return format_html('<a class="console-link" href="{}">{}</a>', url, payment_id)


def page_of(row: Model) -> str:
    """Return the address of the console's page of `row`."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
