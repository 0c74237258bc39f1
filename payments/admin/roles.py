"""The console's roles, made anew after every migration (requirement G4).

They are code: what an administrator changes in these groups is put back by the next migration. For another mix,
make a group of your own (docs/console.md).
"""

from collections.abc import Iterable
from typing import Any, Final

from django.apps import apps as global_apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

VIEWER: Final = "Viewer"
OPERATOR: Final = "Operator"
SUPERVISOR: Final = "Supervisor"
# In the console the first six mean "may act on payments", "may close tasks", "may hold breakers", "may record
# what was given back by hand", "may test endpoints, switch them and deliver again", "may apply gateways' events again":
# nobody edits these.
ACTS: Final = (
    *("change_payment", "change_operatortask", "change_circuit", "change_surpluscharge"),
    *("change_webhookendpoint", "change_gatewayevent"),
    *("add_customerstanding", "change_customerstanding"),
    "request_refund",
)
# What two people are needed for: the second one's part (requirement D6).
APPROVES: Final = ("approve_refund",)
# The apps whose rows the console shows.
APPS: Final = ("payments", "refunds", "disputes")


def make_roles(using: str = "default", apps: Any = global_apps, **_: Any) -> None:
    """Create or correct the groups; a receiver of post_migrate, which passes the `apps` that are migrated by now."""
    try:
        for app_label, model in (("auth", "Group"), ("payments", "Payment")):
            apps.get_model(app_label, model)
    except LookupError:
        return
    views = []
    for label in APPS:
        app = global_apps.get_app_config(label)
        # Django makes permissions in a receiver of its own, which may not have run yet.
        create_permissions(app, verbosity=0, using=using)
        views += [f"view_{model._meta.model_name}" for model in app.get_models()]
    _make(VIEWER, views, using)
    _make(OPERATOR, [*views, *ACTS], using)
    _make(SUPERVISOR, [*views, *ACTS, *APPROVES], using)


def _make(name: str, codenames: Iterable[str], using: str) -> None:
    group, _ = Group.objects.using(using).get_or_create(name=name)
    allowed = Permission.objects.using(using).filter(content_type__app_label__in=APPS, codename__in=codenames)
    group.permissions.set(allowed)
