"""Addresses under /shop/."""

from django.urls import path

from paysite.demo import views

app_name = "shop"

urlpatterns = [
    path("", views.shop, name="shop"),
    path("cart", views.cart, name="cart"),
    path("cart/change", views.change, name="change"),
    path("currency", views.currency, name="currency"),
    path("details", views.details, name="details"),
    path("order", views.order, name="order"),
    path("thanks", views.thanks, name="thanks"),
]
