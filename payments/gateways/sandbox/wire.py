"""The sandbox gateway's documents, read strictly: a member that is missing or of another type makes no report."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from payments.gateways.base import Kind
from payments.gateways.documents import Document
from payments.gateways.replies import Problem, Word
from payments.gateways.reports import Report

_STATUSES: Final = {
    "succeeded": Kind.SUCCEEDED,
    "declined": Kind.DECLINED,
    "requires_action": Kind.ACTION_REQUIRED,
    # Undone by us or at the gateway's dashboard. Given up by the customer on the 3-D Secure page it has a code.
    "canceled": Kind.VOIDED,
    "pending": Kind.UNKNOWN,
}
_WORDS: Final = {
    "idempotency_key_in_use": Word.KEY_IN_USE,
    "idempotency_key_reused": Word.KEY_REUSED,
    "maintenance": Word.MAINTENANCE,
}
_TYPES: Final = {
    "id": str,
    "status": str,
    "amount": int,
    "currency": str,
    "reference": str,
    "livemode": bool,
    "created": int,
    "idempotency_key": str,
}
ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_CODE = re.compile(r"[a-z0-9_]{1,64}")
_BRAND = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FINGERPRINT = re.compile(r"[A-Za-z0-9_-]{1,64}")
# The card network forbids another try; its other advice, `try_again_later`, changes nothing for us.
_NEVER_AGAIN: Final = "do_not_try_again"
# The longest address of a page that can be kept.
MAX_ADDRESS: Final = 500


class SandboxDialect:
    """Reads the documents of a gateway whose pages customers see at `origin`, and whose API we call at `url`."""

    def __init__(self, url: str, origin: str) -> None:
        self._url, self._origin = url + "/", origin + "/"

    def report(self, document: Document) -> Report | None:
        """Return the charge, or None where it is not whole or would send the customer to a foreign place."""
        if document.get("object") != "charge" or not typed(document, _TYPES) or not ID.fullmatch(document["id"]):
            return None
        word = document["status"]
        kind = _STATUSES.get(word)
        code, action_url = document.get("decline_code"), self._action_url(document.get("action_url"))
        if kind is Kind.VOIDED and isinstance(code, str):
            kind = Kind.DECLINED
        if kind is Kind.DECLINED and word == "declined" and not isinstance(code, str):
            return None
        if kind is Kind.ACTION_REQUIRED and not action_url:
            return None
        return Report(
            reference=document["id"],
            kind=kind,
            word=word,
            amount=document["amount"],
            currency=document["currency"],
            payment_id=document["reference"],
            live=document["livemode"],
            key=document["idempotency_key"],
            created=document["created"],
            decline_code=code_in(code, word) if kind is Kind.DECLINED else "",
            action_url=action_url if kind is Kind.ACTION_REQUIRED else "",
            card_brand=_card_fact(document, "brand", _BRAND),
            card_fingerprint=_card_fact(document, "fingerprint", _FINGERPRINT),
            never_again=document.get("network_advice") == _NEVER_AGAIN,
        )

    def problem(self, document: Document) -> Problem:
        """Return what an error document says."""
        error = document.get("error")
        charge = error.get("charge") if isinstance(error, dict) else None
        found = problem_in(document, declined="card_declined")
        return replace(found, report=self.report(charge)) if isinstance(charge, dict) else found

    def _action_url(self, value: Any) -> str:
        """Return where the customer goes, at the gateway's public origin; empty for any other place."""
        if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_ADDRESS:
            return ""
        if value.startswith(self._url):
            value = self._origin + value.removeprefix(self._url)
        return value if value.startswith(self._origin) and len(value) <= MAX_ADDRESS else ""


def problem_in(document: Document, *, declined: str) -> Problem:
    """Return what an error document says, but for what it is about. declined: the code of a decline."""
    error = document.get("error")
    if not isinstance(error, dict):
        return Problem(Word.OTHER)
    message, code = error.get("message"), error.get("code")
    word = Word.DECLINED if code == declined else _WORDS.get(code if isinstance(code, str) else "", Word.OTHER)
    return Problem(
        word,
        message=message if isinstance(message, str) else "",
        decline_code=code_in(error.get("decline_code"), "generic_decline"),
        never_again=error.get("network_advice") == _NEVER_AGAIN,
    )


def typed(document: Document, types: Mapping[str, type]) -> bool:
    """Say whether each member that `types` names is there and of exactly its type."""
    # `type`, not `isinstance`: true and 1.0 are no amounts.
    return all(type(document.get(name)) is kind for name, kind in types.items())


def code_in(value: Any, otherwise: str) -> str:
    """Return a code as the gateway writes them, `otherwise` where it is none."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else otherwise


def _card_fact(document: Document, name: str, shape: re.Pattern[str]) -> str:
    """Return a fact about the card; empty where it is missing or malformed, as the charge is whole without."""
    card = document.get("card")
    value = card.get(name) if isinstance(card, dict) else None
    return value if isinstance(value, str) and shape.fullmatch(value) else ""
