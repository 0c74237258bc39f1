"""Gives back what a gateway took without any right: claims such charges, tells the gateway, writes down what it says.

Undoing a charge by its own id can be repeated without harm, so whoever is not sure asks again.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import connection, transaction
from django.db.models.functions import Now

from payments import audit, events, ledger
from payments.audit import Because
from payments.bulk import update_each
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.base import Kind, Outcome
from payments.models import OperatorTask, Payment, SurplusCharge
from payments.reliability import breaker, calls
from payments.reliability.breaker import Board, Pass, Report
from payments.services import messages
from payments.services.book import Book
from payments.services.claim import lease
from payments.states import SurplusState

Write = Callable[[], None]
Ask = Callable[[], Write]

_CLAIM: Final = ("fence", "tries", "due_at", "claimed_until")
_RETURNED: Final = ("state", "message", "due_at", "claimed_until", "returned_at")
# Seconds until the gateway is told again, by the number of tries so far; the last one for ever after.
_AGAIN: Final = (5, 15, 30, 60, 300)
# After so many tries a person is asked, too.
_PEOPLE_AFTER: Final = 10


def anything_due() -> bool:
    """Say cheaply whether something is to be given back now."""
    return SurplusCharge.objects.filter(due_at__lte=Now()).exists()


def claim(limit: int, because: Because) -> list[Ask]:
    """Claim up to `limit` due charges; return the calls to make, each of which returns what to write afterwards."""
    prepared_at = time.monotonic()
    with transaction.atomic():
        due = SurplusCharge.objects.filter(due_at__lte=Now(), state=SurplusState.OWED).order_by("due_at")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, no_key=True)
        charges = list(due[:limit])
        if not charges:
            return []
        now = database_now()
        board = Board.read(now)
        granted = {}
        for charge in charges:
            leave = board.admit(charge.gateway, "refund")
            if leave is None:
                # Asking would not help: the gateway answers nobody at this moment.
                charge.due_at = board.next_try(charge.gateway, "refund") or now + timedelta(seconds=_AGAIN[0])
                continue
            granted[charge.pk] = leave
            charge.fence += 1
            charge.tries += 1
            charge.due_at = charge.claimed_until = now + lease()
        update_each(charges, _CLAIM)
        if __debug__:
            reach("give_back.committing")
    if __debug__:
        reach("give_back.committed")
    allowed = [charge for charge in charges if charge.pk in granted]
    return [partial(_ask, charge, granted[charge.pk], prepared_at, because) for charge in allowed]


def _ask(charge: SurplusCharge, granted: Pass, prepared_at: float, because: Because) -> Write:
    outcome = calls.void(charge, prepared_at=prepared_at)
    return partial(_heard, charge.pk, outcome, calls.report(granted, outcome), because)


def _heard(surplus_id: str, outcome: Outcome, report: Report, because: Because) -> None:
    # First, so that a trial is never lost: what could not be written is due again when the lease ends.
    breaker.record([report])
    heard(surplus_id, outcome, because)


def heard(surplus_id: str, outcome: Outcome, because: Because) -> None:
    """Write down what the gateway said about giving `surplus_id` back. Safe to call again with the same."""
    with transaction.atomic():
        charge = _locked(surplus_id)
        if charge.state == SurplusState.RETURNED:
            return
        book = Book(now=database_now())
        charge.message = f"{outcome.kind}: {outcome.reason}. {outcome.message}"[:500]
        charge.claimed_until = None
        # One that only waited for the customer, and cannot take money any more, is as good as undone.
        is_dead = outcome.kind is Kind.DECLINED and not charge.taken
        if outcome.kind is Kind.VOIDED or is_dead:
            _returned(charge, because, book)
        elif outcome.kind in {Kind.REJECTED, Kind.NOT_FOUND, Kind.DECLINED}:
            _refused(charge, because, outcome, book)
        else:
            _again(charge, outcome, book)
        update_each([charge], _RETURNED)
        book.write()
        if __debug__ and charge.state == SurplusState.RETURNED:
            reach("returned.committing")
    if __debug__ and charge.state == SurplusState.RETURNED:
        reach("returned.committed")


def _locked(surplus_id: str) -> SurplusCharge:
    """Return the charge, it and its payment under their locks: the payment first, as everywhere."""
    payment_id = SurplusCharge.objects.values_list("payment_id", flat=True).get(pk=surplus_id)
    payments = Payment.objects.select_for_update(no_key=True, of=("self",)).select_related("order")
    payment = payments.get(pk=payment_id)
    charge = SurplusCharge.objects.select_for_update(no_key=True).get(pk=surplus_id)
    charge.payment = payment
    return charge


def _tell(charge: SurplusCharge, type_: str, book: Book) -> None:
    """Tell shop and customer what became of money that was taken; of what took none there is nothing to tell."""
    if not charge.taken:
        return
    owed = messages.refunded if type_ == "surplus.returned" else messages.refund_failed
    book.owe(owed(charge.payment, charge.pk, book.now))
    book.events.append(events.of_surplus(charge.payment, charge, type_, book.now))
    charge.payment.updated_at = book.now
    update_each([charge.payment], ("events_written", "updated_at"))


class NotRefusedError(Exception):
    """The charge is given back already, or the machine still sees to it. Nothing was changed."""


def record_return(surplus_id: str, because: Because, reason: str) -> SurplusCharge:
    """Note that a person gave back at the gateway what it had refused to give back to us.

    Raises NotRefusedError and SurplusCharge.DoesNotExist.
    """
    with transaction.atomic():
        charge = _locked(surplus_id)
        if charge.state != SurplusState.REFUSED:
            raise NotRefusedError
        book = Book(now=database_now())
        before = charge.state
        charge.give_back(now=book.now)
        if charge.taken:
            book.postings.append(ledger.surplus_returned(charge))
        book.entries.append(audit.surplus_entry(charge, "surplus.returned", because, before=before, reason=reason))
        _tell(charge, "surplus.returned", book)
        update_each([charge], _RETURNED)
        book.write()
        others = SurplusCharge.objects.filter(payment=charge.payment, state=SurplusState.REFUSED)
        if not others.exists():
            tasks = OperatorTask.objects.filter(payment=charge.payment, kind=OperatorTask.Kind.NOT_GIVEN_BACK)
            tasks.filter(closed_at__isnull=True).update(
                closed_at=book.now, closed_by=because.actor.removeprefix("operator:"), resolution=reason[:500]
            )
    return charge


def _returned(charge: SurplusCharge, because: Because, book: Book) -> None:
    before = charge.state
    charge.give_back(now=book.now)
    if charge.taken:
        book.postings.append(ledger.surplus_returned(charge))
    book.entries.append(audit.surplus_entry(charge, "surplus.returned", because, before=before, tries=charge.tries))
    _tell(charge, "surplus.returned", book)


def _refused(charge: SurplusCharge, because: Because, outcome: Outcome, book: Book) -> None:
    if charge.state == SurplusState.REFUSED:
        return
    before = charge.state
    charge.refuse()
    book.entries.append(audit.surplus_entry(charge, "surplus.refused", because, before=before, reason=outcome.reason))
    _tell(charge, "surplus.refused", book)
    book.ask_people(charge.payment, OperatorTask.Kind.NOT_GIVEN_BACK, outcome)


def _again(charge: SurplusCharge, outcome: Outcome, book: Book) -> None:
    wait = max(_AGAIN[min(charge.tries, len(_AGAIN)) - 1], outcome.retry_after or 0)
    charge.due_at = book.now + timedelta(seconds=wait)
    if charge.tries == _PEOPLE_AFTER:
        book.ask_people(charge.payment, OperatorTask.Kind.NOT_GIVEN_BACK, outcome)
