"""The API's description and its page; both work offline."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from disputes.schema import PAYMENT_WITH_DISPUTE
from payments.api.events_schema import add_webhooks
from refunds.api.schema import PAYMENT_WITH_REFUND


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "paysite.api.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key from the console: psk_test_… or psk_live_…",
        }


class Generator(SchemaGenerator):
    """Describes the calls, and what we call: the shops' endpoints."""

    def get_schema(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        described = super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]
        shapes = {
            "refund": ("PaymentWithRefund", PAYMENT_WITH_REFUND),
            "dispute": ("PaymentWithDispute", PAYMENT_WITH_DISPUTE),
        }
        return add_webhooks(described, shapes)


schema_view = SpectacularJSONAPIView.as_view(generator_class=Generator)
docs_view = SpectacularSwaggerSplitView.as_view(url_name="schema")
