"""The filters of the payment list."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from payments.admin.levels import NAMES, of_level
from payments.admin.overview.queues import OF_PAYMENTS
from payments.clock import database_now
from payments.ids import floor_id

Rows = QuerySet[Any]
Choices = list[tuple[str, str]]


class QueueFilter(SimpleListFilter):
    """The work queues of the front page."""

    title = "work queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [(queue.slug, queue.title) for queue in OF_PAYMENTS]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        chosen = next((queue for queue in OF_PAYMENTS if queue.slug == self.value()), None)
        return queryset & chosen.rows(database_now()) if chosen else queryset


class LevelFilter(SimpleListFilter):
    """The lowest level of the ladder that the payment reached."""

    title = "level"
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [(str(level), of_level(level)) for level in NAMES]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        level = self.value()
        return queryset.filter(level=int(level)) if level and level in {str(known) for known in NAMES} else queryset


class CurrencyFilter(SimpleListFilter):
    """Only the enabled currencies: looking up which ones occur would read the whole table."""

    title = "currency"
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [(code, code) for code in settings.CURRENCY_LIMITS]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(currency=self.value()) if self.value() else queryset


class GatewayFilter(SimpleListFilter):
    """The gateway that the last attempt went to."""

    title = "gateway"
    parameter_name = "gateway"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [(options["name"], options["name"]) for options in settings.GATEWAYS]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(gateway=self.value()) if self.value() else queryset


_AGES: Final = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_AGE_NAMES: Final = {"1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days"}


class CreatedFilter(SimpleListFilter):
    """By the time in the payment's id, which the primary key finds."""

    title = "created"
    parameter_name = "created"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return list(_AGE_NAMES.items())

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        age = _AGES.get(self.value() or "")
        return queryset.filter(pk__gte=floor_id("pay", database_now() - age)) if age else queryset
