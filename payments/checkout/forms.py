"""Reads the form that a shop's page posts to /checkout/start (docs/checkout-form.md).

What the shop signed is believed, nothing else: first the form must be well-formed, then its signature must be right,
and only then each field is looked at and every wrong one is named.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from django.http import QueryDict

from payments import money
from payments.checkout import fields, languages, return_urls
from payments.checkout.lines import LONGEST_NAME, Line, read_lines
from payments.checkout.signing import SIGNATURE, is_signed
from payments.clock import database_now
from payments.models import Client

REQUIRED: Final = ("client", "orderID", "amount", "currency", "returnURL", "timestamp", SIGNATURE)
OPTIONAL: Final = (
    *("description", "lines", "customerEmail", "customerName", "customerID"),
    *("customerPhone", "customerLanguage"),
)
# Seconds for which a signed form may be posted, and by which the shop's clock may be ahead of ours.
FORM_LIFE: Final = 3600
CLOCK_SKEW: Final = 300
_LONGEST: Final = 20_000
_SHOWN_OF_A_NAME: Final = 40

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one field of the form."""

    field: str
    reason: str


class BadFormError(Exception):
    """The form cannot be accepted; nothing was written."""

    def __init__(self, problems: Iterable[Wrong]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{wrong.field} {wrong.reason}" for wrong in self.problems))


@dataclass(frozen=True, slots=True)
class OrderForm:
    """A form whose shop signed it and whose fields are right. amount: minor units."""

    client: Client
    reference: str
    amount: int
    currency: str
    return_url: str
    customer_email: str = ""
    customer_name: str = ""
    customer_reference: str = ""
    customer_phone: str = ""
    customer_language: str = ""
    lines: list[Line] = field(default_factory=list)


def read(post: QueryDict) -> OrderForm:
    """Return the order that the posted form describes; raise BadFormError naming each wrong field."""
    given = _single_values(post)
    client = _signer(given)
    return _Reader(given, client).order()


def _single_values(post: QueryDict) -> dict[str, str]:
    problems = [
        Wrong(fields.label(name[:_SHOWN_OF_A_NAME], _SHOWN_OF_A_NAME) if name.isprintable() else "?", reason)
        for name, values in post.lists()
        if (reason := _malformed(name, values))
    ]
    problems += [Wrong(name, "is missing.") for name in REQUIRED if not post.get(name)]
    if problems:
        raise BadFormError(problems)
    return {name: str(values[0]) for name, values in post.lists()}


def _malformed(name: str, values: Iterable[object]) -> str:
    texts = [str(value) for value in values]
    if name not in REQUIRED and name not in OPTIONAL:
        return "is not a field of this form."
    if len(texts) != 1:
        return "is there more than once."
    if len(texts[0]) > _LONGEST:
        return f"is longer than {_LONGEST} characters."
    if fields.has_controls(texts[0]):
        return "has line ends or control characters."
    return ""


def _signer(given: dict[str, str]) -> Client:
    """Return the shop that signed the form. An unknown shop and a wrong signature look the same from outside."""
    client = Client.objects.filter(slug=given["client"], is_active=True).first()
    if client is None or not is_signed(given, client.form_secret):
        raise BadFormError([Wrong(SIGNATURE, "does not match the form: it was changed, or signed for another shop.")])
    _check_age(given["timestamp"])
    return client


def _check_age(text: str) -> None:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise BadFormError([Wrong("timestamp", "must be a time in whole seconds since 1970, UTC.")])
    age = database_now().timestamp() - int(text)
    if age > FORM_LIFE:
        raise BadFormError([Wrong("timestamp", f"is older than {FORM_LIFE // 60} minutes: the form was left open.")])
    if age < -CLOCK_SKEW:
        raise BadFormError([Wrong("timestamp", "lies in the future: the shop's clock is wrong.")])


class _Reader:
    """Reads all fields of one form and gathers what is wrong."""

    def __init__(self, given: dict[str, str], client: Client) -> None:
        self._given = given
        self._client = client
        self._problems: list[Wrong] = []

    def order(self) -> OrderForm:
        currency = self._read("currency", fields.currency)
        amount = self._read("amount", lambda text: fields.amount(text, currency)) if currency else 0
        order = OrderForm(
            client=self._client,
            reference=self._read("orderID", fields.reference) or "",
            amount=amount or 0,
            currency=currency or "",
            return_url=self._read("returnURL", self._return_url) or "",
            customer_email=self._read("customerEmail", fields.email) or "",
            customer_name=self._read("customerName", lambda text: fields.label(text, 100)) or "",
            customer_reference=self._read("customerID", fields.reference) or "",
            customer_phone=self._read("customerPhone", fields.phone) or "",
            # One that we do not have is no mistake of the customer's: messages then come in the default one.
            customer_language=languages.known(self._given.get("customerLanguage", "")),
            lines=self._lines(amount or 0, currency or "") if amount else [],
        )
        if self._problems:
            raise BadFormError(self._problems)
        return order

    def _read(self, name: str, reader: Callable[[str], Value]) -> Value | None:
        """Return the field's value; None where it is absent or wrong, which is noted."""
        text = self._given.get(name, "")
        if not text:
            return None
        try:
            return reader(text)
        except fields.FieldError as error:
            self._problems.append(Wrong(name, str(error)))
            return None

    def _return_url(self, text: str) -> str:
        if problem := return_urls.problem_with(text, self._client.return_origins):
            raise fields.FieldError(problem)
        return text

    def _lines(self, amount: int, currency: str) -> list[Line]:
        if self._given.get("lines") and self._given.get("description"):
            self._problems.append(Wrong("description", "is there besides lines; send one of the two."))
        described = self._read("description", lambda text: fields.label(text, LONGEST_NAME))
        if described:
            return [{"name": described, "quantity": 1, "amount": money.decimal_text(amount, currency)}]
        return self._read("lines", lambda text: read_lines(text, amount, currency)) or []
