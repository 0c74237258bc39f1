"""The friendly pages for errors: plain words, whether anything was charged, and what to do."""

import pytest
from django.template.loader import render_to_string
from django.test import Client as Browser
from pytest_django import Settings


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_every_page_renders_without_any_context_and_speaks_of_charges(name: str) -> None:
    page = render_to_string(f"{name}.html")
    assert "<h1>" in page
    assert "charged" in page
    assert "{" not in page


@pytest.mark.django_db
def test_an_unknown_address_is_the_friendly_404() -> None:
    reply = Browser().get("/no-such-page")
    assert reply.status_code == 404
    assert "There is no such page" in reply.content.decode()


def test_a_defect_is_the_friendly_500(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("payments.checkout.sessions.find", defect)
    reply = Browser(raise_request_exception=False).get("/checkout/chk_" + "A" * 32)
    assert reply.status_code == 500
    assert "Something went wrong on our side" in reply.content.decode()
    assert "secret detail" not in reply.content.decode()
