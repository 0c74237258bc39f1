"""Reads what the demo sent: e-mails and SMS that lie as files where a mail server and a provider would have been."""

import email
import email.policy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Final

# Shown, newest first.
MOST: Final = 50
# Django's backend ends each message of a file with such a line.
_LINE: Final = b"-" * 79 + b"\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """One message. html: empty where there is none. at: when its file was written last, UTC."""

    channel: str
    to: str
    at: datetime
    text: str
    sender: str = ""
    subject: str = ""
    html: str = ""
    message_id: str = ""


def everything(mails: Path | None, sms: Path) -> list[Shown]:
    """Return the newest messages of both folders, which need not exist."""
    found = [*(_mails(mails) if mails else ()), *_sms(sms)]
    return sorted(found, key=lambda shown: shown.at, reverse=True)[:MOST]


def _newest(folder: Path, pattern: str) -> list[Path]:
    # Their names begin with the time.
    return sorted(folder.glob(pattern), reverse=True)[:MOST] if folder.is_dir() else []


def _mails(folder: Path) -> Iterator[Shown]:
    for path in _newest(folder, "*.log"):
        for part in path.read_bytes().split(_LINE):
            if part.strip():
                yield _mail(email.message_from_bytes(part.lstrip(), policy=email.policy.default), _written(path))


def _mail(message: EmailMessage, at: datetime) -> Shown:
    return Shown(
        channel="e-mail",
        to=str(message["To"] or ""),
        at=at,
        text=_body(message, "plain"),
        sender=str(message["From"] or ""),
        subject=str(message["Subject"] or ""),
        html=_body(message, "html"),
        message_id=str(message["Message-ID"] or ""),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""


def _sms(folder: Path) -> Iterator[Shown]:
    for path in _newest(folder, "*.json"):
        said = json.loads(path.read_text(encoding="utf-8"))
        yield Shown(channel="SMS", to=str(said["to"]), at=_written(path), text=str(said["text"]))


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
