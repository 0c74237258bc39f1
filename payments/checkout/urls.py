"""Addresses under /checkout/. Only what can be a token or an id is looked up at all."""

from django.urls import path, re_path

from payments.checkout import views

app_name = "checkout"

_SESSION = r"^(?P<token>chk_[A-Za-z0-9_-]{32})"
# The proof is made by payments/services/return_address.py; what comes without one learns nothing.
_RETURN = r"^return/(?P<payment_id>pay_[0-9a-z]{26})"

urlpatterns = [
    path("start", views.start, name="start"),
    re_path(rf"{_RETURN}$", views.came_back),
    re_path(rf"{_RETURN}/(?P<proof>[A-Za-z0-9_-]{{1,64}})$", views.came_back, name="return"),
    re_path(rf"{_SESSION}$", views.checkout, name="checkout"),
    re_path(rf"{_SESSION}/card$", views.card, name="card"),
    re_path(rf"{_SESSION}/pay$", views.pay, name="pay"),
    re_path(rf"{_SESSION}/status$", views.status, name="status"),
    re_path(rf"{_SESSION}/status\.json$", views.status_json, name="status-json"),
]
