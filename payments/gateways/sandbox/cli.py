"""The command line of the sandbox gateway, the same for `manage.py sandbox_gateway` and `python -m`."""

import argparse
import asyncio
import errno
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from payments.gateways.sandbox.config import CHALLENGE_LIFE, DEMO_BEARER, DEMO_SHOPS, Config
from payments.gateways.sandbox.server import serve

_PLAIN: Final = (
    *("port", "database", "vault", "name", "secret", "latency_ms", "key_life", "slow", "challenge_life"),
    *("webhook_url", "webhook_secret"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, required=True, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--database", type=Path, required=True, help="path of the gateway's own SQLite file")
    parser.add_argument(
        "--vault",
        type=Path,
        help="path of the SQLite file with card tokens, shared by all gateways that are given it (its own file)",
    )
    parser.add_argument("--name", default="primary", help="name shown on its pages")
    parser.add_argument("--latency-ms", type=float, default=0, help="milliseconds that every API call takes")
    parser.add_argument(
        "--shop-origin",
        type=_origin,
        action="append",
        help="origin that may embed the card field and get customers back; repeatable (http://127.0.0.1:8000)",
    )
    parser.add_argument(
        "--secret",
        default=os.environ.get("SANDBOX_SECRET", DEMO_BEARER),
        help="API secret; better given as SANDBOX_SECRET, since others can see a command line",
    )
    parser.add_argument("--key-life", type=float, default=24 * 60 * 60, help="seconds that idempotency keys live")
    parser.add_argument("--slow", type=float, default=7, help="seconds that tok_slow takes")
    parser.add_argument(
        "--challenge-life", type=float, default=CHALLENGE_LIFE, help="seconds that a 3-D Secure page can be answered"
    )
    parser.add_argument(
        "--webhook-url", type=_loopback, default="", help="gets its events; on this machine alone (http://127.0.0.1:…)"
    )
    parser.add_argument(
        "--webhook-secret",
        type=_signing_secret,
        default=os.environ.get("SANDBOX_WEBHOOK_SECRET", ""),
        help="signs them (whsec_…); better given as SANDBOX_WEBHOOK_SECRET, since others can see a command line",
    )


def run(options: Mapping[str, Any]) -> int:
    """Serve until told to stop; return the exit status, 1 where the port is in use."""
    if options["webhook_url"] and not options["webhook_secret"]:
        print("--webhook-url needs --webhook-secret, which signs the events.", file=sys.stderr)
        return 2
    config = Config(
        shop_origins=tuple(options["shop_origin"] or DEMO_SHOPS), **{name: options[name] for name in _PLAIN}
    )
    try:
        asyncio.run(serve(config))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(
            f"Port {config.port} on 127.0.0.1 is in use, so the sandbox gateway cannot start. Stop what uses it, or "
            "choose another one with --port.",
            file=sys.stderr,
        )
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m payments.gateways.sandbox", description="Run a sandbox gateway.")
    add_arguments(parser)
    return run(vars(parser.parse_args()))


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535).")
    return int(text)


def _origin(text: str) -> str:
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or "@" in parts.netloc:
        raise argparse.ArgumentTypeError(f"{text!r} is not an origin such as http://127.0.0.1:8000.")
    return f"{parts.scheme}://{parts.netloc}"


def _loopback(text: str) -> str:
    parts = urlsplit(text)
    if text and (
        parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost", "::1"} or "@" in parts.netloc
    ):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address on this machine such as http://127.0.0.1:8000/x.")
    return text


def _signing_secret(text: str) -> str:
    if not text:
        return text
    try:
        Webhook(text)
    except (ValueError, EmptyWebhookSecretError):
        raise argparse.ArgumentTypeError("it is no secret: whsec_ and base64, of at least one byte.") from None
    return text
