"""Hands an e-mail to the mail server; in a thread of the outbox, without the database."""

import re
import smtplib
from contextlib import suppress
from typing import Final

from django.core.mail import EmailMessage, get_connection

from payments.services.messages_way import Result

# Replies of a mail server from here on say that another try would end the same (RFC 5321, 4.2.1).
_PERMANENT: Final = 500
_ADDRESS: Final = re.compile(r"[^\s<>'\"(){}:,]+@[^\s<>'\"(){}:,]+")


def deliver(message: EmailMessage) -> Result:
    """Send `message` over a connection of its own, with the settings' time-outs."""
    try:
        server = get_connection()
        try:
            message.connection = server
            message.send()
        finally:
            with suppress(OSError):
                server.close()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return Result(_words(error), is_final=bool(codes) and min(codes) >= _PERMANENT)
    except smtplib.SMTPDataError as error:
        return Result(_words(error), is_final=error.smtp_code >= _PERMANENT)
    except OSError as error:  # smtplib's own errors are OSErrors
        return Result(_words(error), is_down=True)
    except ValueError as error:  # a header or an address that cannot be
        return Result(_words(error), is_final=True)
    return Result()


def _words(error: Exception) -> str:
    """Return what went wrong without the customer's address, which a mail server likes to repeat."""
    return _ADDRESS.sub("…", " ".join(f"{type(error).__name__}: {error}".split()))
