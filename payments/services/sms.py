"""Sends an SMS: by nobody, as a file (demo), or by a provider over HTTP. In a thread of the outbox, no database."""

import json
import time
import uuid
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from django.conf import settings

from payments.services.messages_way import Result
from payments.services.sms_twilio import Twilio


class SmsBackend(Protocol):
    """Whoever takes an SMS."""

    def send(self, to: str, text: str) -> Result:
        """Send `text` to the telephone number `to` (E.164). Never raises because of the other side."""
        ...


class Files:
    """Writes each SMS as a JSON file, for the demo's inbox."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, to: str, text: str) -> Result:
        said = {"to": to, "text": text, "sentAt": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.json"
            path.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            return Result(f"{type(error).__name__}: {error.strerror}", is_down=True)
        return Result()


class Nobody:
    """SMS is switched off."""

    def send(self, to: str, text: str) -> Result:
        return Result("SMS is switched off", is_final=True)


FOLDER: Final = "sms"


def backend() -> SmsBackend:
    """Return what the settings name."""
    if settings.SMS_BACKEND == "file":
        return Files(settings.VAR_DIR / FOLDER)
    if settings.SMS_BACKEND == "twilio":
        return _twilio(settings.TWILIO_URL, settings.TWILIO_ACCOUNT, settings.TWILIO_TOKEN, settings.TWILIO_FROM)
    return Nobody()


@cache
def _twilio(url: str, account: str, token: str, sender: str) -> Twilio:
    """One for each settings, so that its connections are kept."""
    return Twilio(url, account, token, sender)
