"""The addresses under which gateways tell us what happened."""

from django.urls import path

from payments.webhooks.views import receive

urlpatterns = [path("<str:gateway>", receive, name="gateway-webhook")]
