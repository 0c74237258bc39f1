"""Tells people and programs where a demo run is reached: printed, and as `var/demo.json` while it is true."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings

from paysite.running.plan import Plan


def path() -> Path:
    return Path(settings.VAR_DIR) / "demo.json"


def document(plan: Plan, seed: dict[str, Any]) -> dict[str, Any]:
    """Return the addresses of `plan` with the log-in and API key of `manage.py seed_demo`."""
    return {
        "urls": {
            "web": plan.web_url,
            "shop": f"{plan.web_url}/shop/",
            "console": f"{plan.web_url}/admin/",
            "docs": f"{plan.web_url}/api/docs",
            "shopEvents": plan.inbox_url,
            "messages": f"{plan.web_url}/inbox/",
            "primaryGateway": plan.gateway_url("primary"),
            "secondaryGateway": plan.gateway_url("secondary"),
        },
        "login": seed["login"],
        "apiKey": seed["apiKey"],
    }


def publish(content: dict[str, Any]) -> None:
    """Write the file in one step: whoever sees it sees all of it."""
    draft = path().with_name("demo.json.new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(path())


def withdraw() -> None:
    """Remove the file: nothing answers there (any more)."""
    path().unlink(missing_ok=True)


def text(content: dict[str, Any]) -> str:
    urls, login = content["urls"], content["login"]
    return f"""
Paysite is ready.
  Shop       {urls["shop"]}
  Events     {urls["shopEvents"]}   (what the shop is told, as it comes)
  Messages   {urls["messages"]}   (e-mail and SMS to customers, alerts to the team)
  Console    {urls["console"]}   (user {login["username"]}, password {login["password"]};
             the same password: clerk, who refunds up to a limit, and supervisor, who approves more)
  API docs   {urls["docs"]}   (demo API key {content["apiKey"]})
  Gateways   {urls["primaryGateway"]}  {urls["secondaryGateway"]}   (sandbox)
The same for programs: {path()}. Ctrl-C stops everything."""
