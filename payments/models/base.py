"""Fields and the base class that the models of money share."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django_fsm import FSMField, transition

from payments.ids import ID_LENGTH
from payments.states import StateTable

Method = TypeVar("Method", bound=Callable[..., None])

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField


def edge(table: StateTable, field: FSMField, target: str) -> Callable[[Method], Method]:
    """Make a method the django-fsm transition to `target` from every state from which `table` allows it."""
    made: Callable[[Method], Method] = transition(field, source=table.sources(target), target=target)
    return made


class PublicIdField(_CharField):
    """A public id as primary key.

    On PostgreSQL it is compared by bytes, and Django's second index for LIKE (made for `varchar` keys) is not wanted:
    ids are never searched by pattern, and each index costs the payment path a write.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = ID_LENGTH
        super().__init__(*args, **kwargs)

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor == "postgresql":
            return f"character varying({ID_LENGTH})"
        return super().db_type(connection)


class StateModel(models.Model):
    """A model whose state is a protected django-fsm field.

    django-fsm refuses any assignment to a protected field, and `refresh_from_db` assigns: so the old value is taken
    out first, and put back where reloading fails. Without it the field looks deferred, which Django does not reload
    unless asked by name: so all fields are named.
    """

    class Meta:
        abstract = True

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: "QuerySet[Any] | None" = None,
    ) -> None:
        if fields is None:
            fields = [field.attname for field in self._meta.concrete_fields if field.attname in self.__dict__]
        names = [field.attname for field in self._meta.concrete_fields if isinstance(field, FSMField)]
        held = {name: self.__dict__.pop(name) for name in names if name in self.__dict__}
        try:
            super().refresh_from_db(using=using, fields=fields, from_queryset=from_queryset)
        finally:
            for name, value in held.items():
                self.__dict__.setdefault(name, value)
