"""The operator console: Django's admin in Unfold's look, with a front page of its own (requirement G4)."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse

if TYPE_CHECKING:
    # Unfold ships no types; its site is Django's with another look.
    UnfoldAdminSite = AdminSite
else:
    from unfold.sites import UnfoldAdminSite

from payments.admin.overview.chart import chart
from payments.admin.overview.gateways import COLUMNS, gateway_rows
from payments.admin.overview.headline import headline
from payments.admin.overview.ladder import by_level, level_now
from payments.admin.overview.loops import loop_rows
from payments.admin.overview.queues import cards
from payments.admin.overview.recovery import recovery
from payments.admin.overview.volume import volume
from payments.clock import database_now

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
Response = TypeVar("Response", bound=HttpResponseBase)

# Unfold's Alpine.js evaluates expressions and sets styles. Everything else stays forbidden, above all other origins.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Console(UnfoldAdminSite):
    """The one admin site. Its front page answers: does anything wait for a person, and does everything work?"""

    site_header = "Paysite"
    site_title = "Paysite console"
    index_title = "Overview"
    index_template = "admin/console/overview.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        figures = _figures() if request.user.has_perm("payments.view_payment") else {}
        return super().index(request, {**figures, **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return _guarded(super().login(request, extra_context))

    def admin_view(self, view: View, *args: Any, **kwargs: Any) -> View:
        inner = super().admin_view(view, *args, **kwargs)

        @wraps(inner)
        def guarded(*args: Any, **kwargs: Any) -> HttpResponseBase:
            return _guarded(inner(*args, **kwargs))

        return cast("View", guarded)


def _figures() -> dict[str, Any]:
    """Read what the front page shows: a number of statements that does not depend on the number of rows."""
    now = database_now()
    queues, loops, payments = cards(now), loop_rows(now), volume(now)
    gateways, attempts_capped = gateway_rows(now)
    level = level_now([breaker for gateway in gateways for breaker in gateway.breakers])
    return {
        "now": now,
        "headline": headline(queues, loops, level),
        "level": level,
        "levels": by_level(payments),
        "cards": queues,
        "loops": loops,
        "columns": list(COLUMNS),
        "gateways": gateways,
        "attempts_capped": attempts_capped,
        "recovery": recovery(queues, now),
        "volume": payments,
        "chart": chart(payments),
    }


def _guarded(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    return response


def environment(_: HttpRequest) -> list[str]:
    """Return the label at the top of every page: nobody shall mistake the demo for the real thing."""
    return ["Demo", "info"] if settings.DEMO else ["Production", "danger"]


def stylesheet(_: HttpRequest) -> str:
    return static("console/console.css")


def icon(_: HttpRequest) -> str:
    return static("console/icon.svg")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the side bar: only what the user may see."""
    return [
        {
            "title": title,
            "separator": bool(title),
            "items": [
                {"title": name, "icon": icon, "link": reverse(f"admin:{target}")}
                for name, icon, target, permission in items
                if not permission or request.user.has_perm(permission)
            ],
        }
        for title, items in _NAVIGATION
    ]


_VIEW_SURPLUS: Final = "payments.view_surpluscharge"
_VIEW_STANDING: Final = "payments.view_customerstanding"
_VIEW_KEYS: Final = "payments.view_idempotencyrecord"
_NAVIGATION: Final = (
    (
        "",
        (
            ("Overview", "dashboard", "index", ""),
            ("Payments", "payments", "payments_payment_changelist", "payments.view_payment"),
            ("Refunds", "undo", "refunds_refund_changelist", "refunds.view_refund"),
            ("Bulk refunds", "playlist_add_check", "refunds_bulkrefund_changelist", "refunds.view_bulkrefund"),
            ("Disputes", "gavel", "disputes_dispute_changelist", "disputes.view_dispute"),
            ("Operator tasks", "task_alt", "payments_operatortask_changelist", "payments.view_operatortask"),
            ("Gateways", "lan", "payments_circuit_changelist", "payments.view_circuit"),
            ("Customers' standing", "verified_user", "payments_customerstanding_changelist", _VIEW_STANDING),
        ),
    ),
    (
        "Records",
        (
            ("Orders", "shopping_cart", "payments_order_changelist", "payments.view_order"),
            ("Attempts", "swap_horiz", "payments_attempt_changelist", "payments.view_attempt"),
            ("Audit trail", "history", "payments_auditentry_changelist", "payments.view_auditentry"),
            ("Money to give back", "currency_exchange", "payments_surpluscharge_changelist", _VIEW_SURPLUS),
            ("Complaints", "sentiment_dissatisfied", "refunds_complaint_changelist", "refunds.view_complaint"),
            ("Customer messages", "mail", "payments_customermessage_changelist", "payments.view_customermessage"),
            ("Alerts", "notifications", "payments_notice_changelist", "payments.view_notice"),
            ("Recovery", "healing", "payments_recoveryrun_changelist", "payments.view_recoveryrun"),
            ("Ledger", "menu_book", "payments_ledgerposting_changelist", "payments.view_ledgerposting"),
            ("Idempotency keys", "key_vertical", "payments_idempotencyrecord_changelist", _VIEW_KEYS),
        ),
    ),
    (
        "Events for shops",
        (
            ("Endpoints", "webhook", "payments_webhookendpoint_changelist", "payments.view_webhookendpoint"),
            ("Deliveries", "local_shipping", "payments_delivery_changelist", "payments.view_delivery"),
            ("Events", "campaign", "payments_event_changelist", "payments.view_event"),
        ),
    ),
    (
        "Events of gateways",
        (
            ("Received", "move_to_inbox", "payments_gatewayevent_changelist", "payments.view_gatewayevent"),
            ("Refused", "block", "payments_refusedwebhook_changelist", "payments.view_refusedwebhook"),
        ),
    ),
    (
        "Declines",
        (
            ("Decline map", "rule", "payments_declinerule_changelist", "payments.view_declinerule"),
            ("Unmapped declines", "help", "payments_unmappeddecline_changelist", "payments.view_unmappeddecline"),
        ),
    ),
    (
        "Access",
        (
            ("Clients", "storefront", "payments_client_changelist", "payments.view_client"),
            ("API keys", "vpn_key", "payments_apikey_changelist", "payments.view_apikey"),
            ("Users", "person", "auth_user_changelist", "auth.view_user"),
            ("Groups", "group", "auth_group_changelist", "auth.view_group"),
        ),
    ),
)
