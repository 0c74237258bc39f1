"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from paysite import health, openapi
from paysite.demo.messages import inbox
from paysite.metrics import MetricsView

handler400 = "paysite.errors.bad_request"
handler404 = "paysite.errors.page_not_found"
handler500 = "paysite.errors.server_error"

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("api/", include("payments.api.urls")),
    path("api/", include("refunds.api.urls")),
    path("api/schema", openapi.schema_view, name="schema"),
    path("api/docs", openapi.docs_view, name="docs"),
    path("checkout/", include("payments.checkout.urls")),
    path("webhooks/", include("payments.webhooks.urls")),
    path("shop/", include("paysite.demo.urls")),
    path("inbox/", inbox, name="inbox"),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", MetricsView.as_view()),
]
