"""Fills the sandbox gateway's templates (templates/sandbox/) and sends them under a strict content policy."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from aiohttp import web

from payments.gateways.sandbox.cards import CardErrors, meanings

_TEMPLATES: Final = Path(__file__).resolve().parents[3] / "templates" / "sandbox"


@dataclass(frozen=True, slots=True)
class Page:
    """One page. texts are escaped; parts are HTML already. form_to: an origin that its form may lead to."""

    template: str
    title: str
    texts: Mapping[str, str]
    parts: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    form_to: str = ""


def page(gateway: str, shown: Page) -> web.Response:
    """Return a whole page with the gateway's name over it; nobody may frame it."""
    texts = {name: escape(text) for name, text in {**shown.texts, "title": shown.title}.items()}
    main = _template(f"{shown.template}.html").substitute(texts, **shown.parts)
    nonce = secrets.token_urlsafe(16)
    html = _template("layout.html").substitute(
        title=escape(shown.title), name=escape(gateway), main=main, nonce=nonce, style=_text("style.css")
    )
    # Chrome applies form-action to redirects as well, so the shop has to be named.
    policy = f"form-action 'self' {shown.form_to}; frame-ancestors 'none'"
    return _sent(html, shown.status, nonce, policy)


def fields_page(gateway: str, origin: str) -> web.Response:
    """Return the embeddable card form, which only `origin` may frame."""
    nonce = secrets.token_urlsafe(16)
    html = _template("fields.html").substitute(
        name=escape(gateway),
        origin=escape(origin),
        fields=card_fields(CardErrors(), ""),
        test_cards=test_cards(open_=False),
        nonce=nonce,
        style=_text("style.css"),
        script=_text("fields.js"),
    )
    policy = f"script-src 'nonce-{nonce}'; connect-src 'self'; form-action 'self'; frame-ancestors {origin}"
    return _sent(html, 200, nonce, policy)


def card_fields(errors: CardErrors, expiry: str) -> str:
    """Return the three inputs with their errors; of what was typed only the expiry date is shown again."""
    first = errors.first()[0] if errors != CardErrors() else ""
    inputs = (
        ("number", "Card number", "cc-number", "1234 1234 1234 1234", errors.number, "", 30),
        ("expiry", "Expiry date", "cc-exp", "MM / YY", errors.expiry, expiry, 9),
        ("cvc", "Security code", "cc-csc", "123", errors.cvc, "", 4),
    )
    template = _template("input.html")
    return "".join(
        template.substitute(
            name=name,
            label=label,
            autocomplete=autocomplete,
            placeholder=placeholder,
            error=escape(error),
            value=escape(value),
            length=length,
            invalid="true" if error else "false",
            focus="autofocus" if name == first else "",
        )
        for name, label, autocomplete, placeholder, error, value, length in inputs
    )


def test_cards(*, open_: bool) -> str:
    """Return the table of test cards, folded unless `open_`."""
    rows = "".join(
        f'<tr><td><button type="button" class="number" data-number="{number}">{number}</button></td>'
        f"<td>{escape(meaning)}</td></tr>"
        for number, meaning in meanings()
    )
    return _template("test_cards.html").substitute(rows=rows, open="open" if open_ else "")


def _sent(html: str, status: int, nonce: str, policy: str) -> web.Response:
    headers = {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; {policy}"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return web.Response(text=html, status=status, content_type="text/html", headers=headers)


@cache
def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    return Template(_text(name))
