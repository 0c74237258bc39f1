"""Where the sandbox gateway's pages may be used from, where they lead, and the page that says why not."""

from urllib.parse import urlsplit

from aiohttp import web

from payments.gateways.sandbox.rendering import Page, page
from payments.gateways.sandbox.state import SANDBOX


def gateway_name(request: web.Request) -> str:
    return request.app[SANDBOX].config.name


def own_origin(request: web.Request) -> str:
    return f"http://{request.host}"


def is_foreign(request: web.Request) -> bool:
    """Say whether a form was sent by a page of another site."""
    return request.headers.get("Origin", own_origin(request)) != own_origin(request)


def origin_of(url: str) -> str:
    """Return the origin of a URL; empty for none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""


def go(url: str) -> web.Response:
    # 303: the browser goes on with GET, so that reloading the shop's page sends nothing again.
    return web.Response(status=303, headers={"Location": url, "Cache-Control": "no-store"})


def stop(request: web.Request, status: int, title: str, text: str, *, shop: str = "") -> web.Response:
    """Return a page with one message, and a way on: to `shop`, or to the gateway's front page without one."""
    link_text = "Back to the shop" if shop else "Sandbox gateway"
    texts = {"text": text, "link": shop or "/", "link_text": link_text}
    return page(gateway_name(request), Page("message", title, texts, status=status))
