"""Viewer sees, Operator acts: made by every migration (G4)."""

import pytest
from django.apps.registry import Apps
from django.contrib.auth.models import Group, Permission

from payments.admin.roles import make_roles

pytestmark = pytest.mark.django_db


def permissions_of(role: str) -> set[str]:
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


def test_a_viewer_may_view_everything_of_payments_and_nothing_else() -> None:
    found = permissions_of("Viewer")
    assert {"view_payment", "view_attempt", "view_auditentry", "view_operatortask", "view_apikey"} <= found
    assert [name for name in found if not name.startswith("view_")] == []


def test_an_operator_may_also_act_on_payments_close_tasks_hold_breakers_and_say_whom_to_trust() -> None:
    assert permissions_of("Operator") - permissions_of("Viewer") >= {
        *("change_payment", "change_operatortask", "change_circuit"),
        *("add_customerstanding", "change_customerstanding"),
    }
    assert [name for name in permissions_of("Operator") if name.startswith("delete_")] == []


def test_neither_role_may_issue_keys_or_add_clients() -> None:
    granted = permissions_of("Operator") | permissions_of("Viewer")
    assert granted & {"add_apikey", "change_apikey", "add_client", "change_client"} == set()


def test_an_operator_may_test_and_switch_endpoints_but_not_send_events_elsewhere() -> None:
    names = {"add_webhookendpoint", "change_webhookendpoint", "delete_webhookendpoint"}
    assert permissions_of("Operator") & names == {"change_webhookendpoint"}
    assert permissions_of("Viewer") & names == set()


def test_the_next_migration_puts_a_changed_role_back() -> None:
    group = Group.objects.get(name="Viewer")
    before = permissions_of("Viewer")
    group.permissions.set([Permission.objects.get(codename="change_payment")])
    make_roles()
    assert permissions_of("Viewer") == before


def test_before_users_or_payments_are_migrated_there_is_nothing_to_do() -> None:
    Group.objects.all().delete()
    make_roles(apps=Apps())
    assert Group.objects.count() == 0
