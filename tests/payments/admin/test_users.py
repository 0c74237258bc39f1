"""Users and groups in the console's look."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client as Browser

from tests.payments.admin.conftest import text_of

pytestmark = pytest.mark.django_db


def test_an_administrator_adds_a_user_and_gives_a_role(administrator: Browser) -> None:
    added = {"username": "olga", "usable_password": "true", "password1": "a-long-one-91", "password2": "a-long-one-91"}
    assert administrator.post("/admin/auth/user/add/", added).status_code == 302
    user = User.objects.get(username="olga")
    url = f"/admin/auth/user/{user.pk}/change/"
    assert "Operator" in text_of(administrator, url)
    group = Group.objects.get(name="Operator")
    changed = {"username": "olga", "is_active": "on", "is_staff": "on", "groups": [group.pk]}
    changed |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert administrator.post(url, changed).status_code == 302
    assert User.objects.get(username="olga").has_perm("payments.change_payment")


@pytest.mark.parametrize("page", ["/admin/auth/user/", "/admin/auth/group/", "/admin/auth/group/add/"])
def test_the_pages_open_for_an_administrator_and_not_for_operators(
    administrator: Browser, operator: Browser, page: str
) -> None:
    assert administrator.get(page).status_code == 200
    assert operator.get(page).status_code == 403
