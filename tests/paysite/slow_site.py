"""A tiny site for tests of the server: answers with the length of the body, after as many seconds as the path says."""

import time
from collections.abc import Callable
from typing import Any

from paysite.rsgi import Server


def site(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    seconds = environ["PATH_INFO"].strip("/")
    time.sleep(float(seconds or 0))
    if seconds == "0.001":
        raise ValueError("a defect")
    body = environ["wsgi.input"].read()
    headers = "|".join(f"{name}={environ[name]}" for name in sorted(environ) if name.startswith("HTTP_"))
    answer = f"{environ['REQUEST_METHOD']} {len(body)} {headers}".encode("latin-1")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


application = Server(site, threads=4)
