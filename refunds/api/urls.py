from django.urls import path

from refunds.api import complaints, views

urlpatterns = [
    path("payments/<str:payment_id>/refunds", views.RefundPaymentView.as_view()),
    path("refunds", views.RefundListView.as_view()),
    path("refunds/proactive", complaints.ProactiveView.as_view()),
    path("refunds/<str:refund_id>", views.RefundView.as_view()),
    path("refunds/<str:refund_id>/cancel", views.CancelView.as_view()),
]
