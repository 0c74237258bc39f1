"""Clients (shops) in the console: added and changed by users with that permission, never deleted (G8)."""

import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from payments.admin.base import ConsoleAdmin
from payments.admin.formats import masked, utc
from payments.models import Client

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Client]
else:
    _ModelForm = forms.ModelForm

# As browsers write an origin: lower case, no path, no port where it is the usual one.
_ORIGIN: Final = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?")
_USUAL_PORT: Final = re.compile(r"http://[^:]+:80|https://[^:]+:443")


class ClientForm(_ModelForm):
    """Checks what a shop's checkout forms depend on."""

    class Meta:
        model = Client
        fields = ("slug", "name", "support_email", "technical_email", "return_origins", "is_active")

    def clean_return_origins(self) -> list[str]:
        """Refuse what would never match the origin of a return address."""
        origins = self.cleaned_data["return_origins"]
        if not isinstance(origins, list) or not all(isinstance(origin, str) for origin in origins):
            raise forms.ValidationError('Write a list of origins, such as ["https://shop.example"].')
        for origin in origins:
            if not _ORIGIN.fullmatch(origin) or _USUAL_PORT.fullmatch(origin):
                raise forms.ValidationError(
                    f"{origin[:100]} is not an origin: scheme and host in lower case, a port only where it is unusual, "
                    "and nothing after it."
                )
        return origins


@admin.register(Client)
class ClientAdmin(ConsoleAdmin):
    form = ClientForm
    list_display = ("name", "slug", "is_active", "support_email", "created")
    fields = ("slug", "name", "support_email", "technical_email", "return_origins", "is_active")
    ordering = ("slug",)
    actions = None
    compressed_fields = True

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.fields, self._secret_for(request), "created") if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Signed forms name the client by its slug: a new one would break them.
        return ("slug", self._secret_for(request), "created") if obj else ()

    def _secret_for(self, request: HttpRequest) -> str:
        """Return the column to show: the secret itself only to those who could change the client."""
        return "form_secret" if request.user.has_perm("payments.change_client") else "masked_secret"

    @admin.display(description="form secret")
    def masked_secret(self, client: Client) -> str:
        return masked(client.form_secret)

    @admin.display(description="created")
    def created(self, client: Client) -> str:
        return utc(client.created_at)

    def save_model(self, request: HttpRequest, obj: Client, *args: Any, **kwargs: Any) -> None:
        if obj._state.adding:
            obj.form_secret = secrets.token_urlsafe(32)
        super().save_model(request, obj, *args, **kwargs)

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        # What a client did stays; it can be made inactive.
        return False
