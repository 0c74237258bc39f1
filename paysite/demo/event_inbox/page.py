"""The inbox's page: plain HTML, whole without JavaScript."""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from aiohttp import web

from paysite.demo.event_inbox.store import Received

FILES: Final = {"inbox.css": "text/css", "inbox.js": "text/javascript"}
_FOLDER: Final = Path(__file__).parent / "files"
_PAGE: Final = Template((_FOLDER / "page.html").read_text())
_ITEM: Final = Template((_FOLDER / "item.html").read_text())
# Around a number with a point, which stays as it was written: 12.50 is not 12.5 to people.
_EXACT: Final = "\0"
_WORDS: Final = {
    "ok": "",
    "500": "This shop answers every event with 500 at the moment, as if it were broken, and takes none.",
    "410": "This shop answers every event with 410 (gone) at the moment, and takes none.",
    "slow": "This shop takes every event at the moment, but answers a minute later.",
}
_CHOICES: Final = {
    "ok": "Answer as a shop should",
    "500": "Answer 500: broken",
    "410": "Answer 410: gone",
    "slow": "Answer a minute late",
}


def rendered(events: Sequence[Received], *, ever: int, answer: str, shop_url: str) -> str:
    """Return the page, newest event first. ever: how many there have been, of which `events` are the newest."""
    return _PAGE.substitute(
        shop_url=escape(shop_url),
        count=_count(len(events), ever),
        notice=f'<p class="notice" role="status">{_WORDS[answer]}</p>' if _WORDS[answer] else "",
        options="".join(
            f'<option value="{value}"{" selected" if value == answer else ""}>{words}</option>'
            for value, words in _CHOICES.items()
        ),
        items="".join(map(_item, events)),
        empty="hidden" if events else "",
    )


def file(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler that serves one of FILES."""
    text = (_FOLDER / name).read_text()

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=FILES[name])

    return handler


def _count(shown: int, ever: int) -> str:
    if shown < ever:
        return f"Newest {shown} of {ever:,} events"
    return {0: "No events yet", 1: "1 event"}.get(shown, f"{shown} events")


def _item(event: Received) -> str:
    at = datetime.fromisoformat(event.at)
    document = _document(event.body)
    return _ITEM.substitute(
        key=f"{event.position}-{event.times}",
        position=event.position,
        type=escape(event.type or "No event that can be read"),
        id=escape(event.id),
        state="right" if event.verified else "wrong",
        verdict="Signature verified" if event.verified else "Signature wrong: not believed",
        times="" if event.times == 1 else f'<span class="times">came {event.times} times</span>',
        about=_about(event, document),
        at=escape(event.at),
        clock=f"{at:%Y-%m-%d %H:%M:%S} UTC",
        body=escape(_laid_out(document) if document is not None else event.body),
    )


def _about(event: Received, document: Any) -> str:
    """Return payment, number and amount, as far as a believed event says them."""
    if not event.verified:
        return "Whoever sent this does not know the secret. A shop must not act on it."
    data = document.get("data") if isinstance(document, dict) else None
    data = data if isinstance(data, dict) else {}
    parts = [f"<code>{escape(event.payment)}</code>"] if event.payment else []
    parts += [f"<span>number {event.sequence} of this payment</span>"] if event.sequence else []
    if isinstance(data.get("amount"), int | str) and isinstance(data.get("currency"), str):
        amount = str(data["amount"]).strip(_EXACT)
        parts.append(f'<span class="amount">{escape(amount)} {escape(data["currency"])}</span>')
    return " ".join(parts)


def _document(body: str) -> Any:
    try:
        return json.loads(body, parse_float=lambda digits: f"{_EXACT}{digits}{_EXACT}")
    except (ValueError, RecursionError):
        return None


def _laid_out(document: Any) -> str:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.replace('"\\u0000', "").replace('\\u0000"', "")
