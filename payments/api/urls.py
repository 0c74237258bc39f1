from django.urls import path

from payments.api import events, recovery, retry, views, webhook_endpoints

urlpatterns = [
    path("payments/process", views.ProcessView.as_view()),
    path("payments/validate-key", views.ValidateKeyView.as_view()),
    path("payments/key/<path:key>", views.KeyView.as_view()),
    path("payments", views.PaymentListView.as_view()),
    path("payments/<str:payment_id>", views.PaymentView.as_view()),
    path("payments/<str:payment_id>/status", views.StatusView.as_view()),
    path("payments/<str:payment_id>/cancel", views.CancelView.as_view()),
    path("payments/<str:payment_id>/retry", retry.RetryView.as_view()),
    path("recovery/process", recovery.RecoverView.as_view()),
    path("recovery/status", recovery.RecoveryStatusView.as_view()),
    path("audit/payments", views.AuditView.as_view()),
    path("events", events.EventListView.as_view()),
    path("events/<str:event_id>", events.EventView.as_view()),
    path("event-types", events.EventTypesView.as_view()),
    path("webhook-endpoints", webhook_endpoints.EndpointListView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>", webhook_endpoints.EndpointView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/rotate-secret", webhook_endpoints.RotateSecretView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/test", webhook_endpoints.TestView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/redeliver", webhook_endpoints.RedeliverView.as_view()),
    path("webhook-endpoints/<str:endpoint_id>/deliveries", webhook_endpoints.DeliveryListView.as_view()),
]
