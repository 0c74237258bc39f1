"""Reads what the demo sent: e-mails and SMS that lie as files where a mail server and a provider would have been."""

import email
import email.policy
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Final

# Shown, newest first.
MOST: Final = 50
# As payments/services/notices.py writes them.
ALERTS_BEGIN: Final = "Paysite: ["
# Django's backend ends each message of a file with such a line.
_LINE: Final = b"-" * 79 + b"\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """One message. html: empty where there is none. at: when its file was written last, UTC.

    for_team: it is an alert (docs/alerts.md), not a message to a customer or a shop.
    """

    channel: str
    to: str
    at: datetime
    text: str
    sender: str = ""
    subject: str = ""
    html: str = ""
    message_id: str = ""
    for_team: bool = False


def everything(mails: Path | None, sms: Path, team: Collection[str] = ()) -> list[Shown]:
    """Return the newest messages of both folders, which need not exist. team: the addresses that get alerts."""
    found = [*(_mails(mails, team) if mails else ()), *_sms(sms)]
    return sorted(found, key=lambda shown: shown.at, reverse=True)[:MOST]


def _newest(folder: Path, pattern: str) -> list[Path]:
    # Their names begin with the time.
    return sorted(folder.glob(pattern), reverse=True)[:MOST] if folder.is_dir() else []


def _mails(folder: Path, team: Collection[str]) -> Iterator[Shown]:
    for path in _newest(folder, "*.log"):
        for part in path.read_bytes().split(_LINE):
            if part.strip():
                message = email.message_from_bytes(part.lstrip(), policy=email.policy.default)
                yield _mail(message, _written(path), team)


def _mail(message: EmailMessage, at: datetime, team: Collection[str]) -> Shown:
    subject, to = str(message["Subject"] or ""), str(message["To"] or "")
    # Whoever is in the team may buy something, too: alerts have a subject of their own.
    is_alert = subject.startswith(ALERTS_BEGIN) and {address for _, address in getaddresses([to])} <= set(team)
    return Shown(
        channel="e-mail",
        to=to,
        at=at,
        text=_body(message, "plain"),
        sender=str(message["From"] or ""),
        subject=subject,
        html=_body(message, "html"),
        message_id=str(message["Message-ID"] or ""),
        for_team=is_alert,
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()).rstrip() if part is not None else ""


def _sms(folder: Path) -> Iterator[Shown]:
    for path in _newest(folder, "*.json"):
        said = json.loads(path.read_text(encoding="utf-8"))
        yield Shown(channel="SMS", to=str(said["to"]), at=_written(path), text=str(said["text"]))


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
