from django.urls import path

from payments.api import recovery, retry, views

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
]
