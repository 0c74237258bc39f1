"""Compares what a gateway lists of refunds with ours, and does what follows for each that differs."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import OperationalError, transaction

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.after_capture import ListedRefund
from payments.gateways.base import Kind
from payments.models import Attempt, Payment
from payments.states import FINAL, AttemptState
from refunds.models import Refund
from refunds.services import news
from refunds.services.hand_over import DEFECT, hand_over
from refunds.services.heard import Heard, heard
from refunds.services.imported import take_in
from refunds.services.locks import locked
from refunds.services.returns import has_come_back
from refunds.states import RefundState

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_RETURNED: Final = "It had come back, and is booked so; now it is listed as given. Ask the gateway where the money is."
# What the gateway lists → the states of a refund in which that is known. A list may be older than what we heard since.
_KNOWN_IN: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.SUCCEEDED: (RefundState.SUCCEEDED,),
    Kind.PENDING: (RefundState.PROCESSING, RefundState.SUCCEEDED, RefundState.FAILED),
    Kind.DECLINED: (RefundState.FAILED,),
}


def compare(gateway: str, refunds: Sequence[ListedRefund], because: Because, asked_at: datetime) -> list[ListedRefund]:
    """See to what `refunds`, newest first, tell that we do not know; return those that are to be read again.

    asked_at: the database's time before the list was read. Each difference is settled in a transaction of its own,
    under its payment's lock.
    """
    oldest_first = [refund for refund in reversed(refunds) if refund.reference]
    waits: list[ListedRefund] = []
    for start in range(0, len(oldest_first), _AT_ONCE):
        part = oldest_first[start : start + _AT_ONCE]
        comparison = _Comparison(gateway, part, because, asked_at)
        waits += [listed for listed in part if not comparison.see_to(listed)]
    return waits


class _Comparison:
    """Of one part of the list with what we have of it, which is read without locks: most of it needs none."""

    def __init__(self, gateway: str, part: Sequence[ListedRefund], because: Because, asked_at: datetime) -> None:
        self._gateway, self._because, self._asked_at = gateway, because, asked_at
        refunds = Refund.objects.filter(gateway=gateway)
        self._by_key = refunds.in_bulk({listed.key for listed in part if _may_be_ours(listed.key)})
        found = refunds.filter(gateway_reference__in={listed.reference for listed in part})
        self._by_reference = {refund.gateway_reference: refund for refund in found}
        charges = Attempt.objects.filter(gateway=gateway, gateway_reference__in={listed.charge for listed in part})
        self._charges = {attempt.gateway_reference: attempt for attempt in charges.order_by("pk")}

    def see_to(self, listed: ListedRefund) -> bool:
        """Do what follows from `listed`; False where it is to be read again."""
        try:
            return self._see_to(listed)
        except OperationalError:
            # Locked for too long, or the database went away: nothing is wrong with the entry.
            logger.exception("refund %s of %s could not be compared now", listed.reference, self._gateway)
        except Exception:  # the boundary of an entry: whatever is wrong with it must not stop all the others
            logger.exception("refund %s of %s could not be compared", listed.reference, self._gateway)
            hand_over(self._gateway, listed, DEFECT)
        return False

    def _see_to(self, listed: ListedRefund) -> bool:
        same, ours = self._by_reference.get(listed.reference), self._by_key.get(listed.key)
        if same is not None:
            return self._known(same, listed)
        if ours is None:
            return self._foreign(listed)
        # Of two under one key that we know none of, the older one becomes ours.
        reference, charge = Refund.objects.values_list("gateway_reference", "charge").get(pk=ours.pk)
        if reference in {"", listed.reference}:
            return self._known(ours, listed)
        return self._take_in(listed, Attempt.objects.get(pk=charge), twice=ours.pk)

    def _known(self, refund: Refund, listed: ListedRefund) -> bool:
        """Apply what the list says of a refund that we know through the one door."""
        if _is_known(refund, listed):
            return True
        with transaction.atomic():
            is_done = self._apply(locked(refund.pk), listed)
            if __debug__:
                reach("refund_compare.committing")
        if __debug__:
            reach("refund_compare.committed")
        return is_done

    def _apply(self, refund: Refund, listed: ListedRefund) -> bool:
        """The same, of the locked `refund`."""
        if _is_known(refund, listed):
            return True
        is_asked = refund.claimed_until is not None and refund.claimed_until > database_now()
        if listed.outcome.kind not in _KNOWN_IN or is_asked or refund.updated_at >= self._asked_at:
            # In no word that we know; or what was heard of it since is newer than the list.
            return False
        if differs := _mismatch(refund, listed):
            why = f"It has another {differs} than our refund {refund.pk} of {refund.money}."
            news.ask(refund.payment_id, self._gateway, listed, why)
            return True
        if listed.outcome.kind == Kind.SUCCEEDED and has_come_back(refund):
            news.ask(refund.payment_id, self._gateway, listed, _RETURNED)
            return True
        heard(Heard(refund.pk, None, listed.outcome, self._because, looked=True, sent=False))
        return True

    def _foreign(self, listed: ListedRefund) -> bool:
        """Take in what we did not make, where it gives back a charge that a payment of ours keeps."""
        charge = self._charges.get(listed.charge)
        if charge is None or charge.state != AttemptState.SUCCEEDED:
            # A charge that no payment keeps, or another system's; unless its own outcome is still being found out.
            return listed.live or not Payment.objects.filter(pk=listed.payment_id).exclude(status__in=FINAL).exists()
        return self._take_in(listed, charge)

    def _take_in(self, listed: ListedRefund, charge: Attempt, *, twice: str = "") -> bool:
        if listed.live or listed.outcome.kind == Kind.DECLINED:
            # No money moved, or none of this mode.
            return True
        return listed.outcome.kind in _KNOWN_IN and take_in(self._gateway, listed, charge, self._because, twice=twice)


def _may_be_ours(key: str) -> bool:
    """Say whether a refund of ours can have `key`; another's may hold what no database can be asked for."""
    return bool(key) and key.isascii() and key.isprintable()


def _is_known(refund: Refund, listed: ListedRefund) -> bool:
    """Say whether `listed` tells nothing new about `refund`."""
    is_same = refund.gateway_reference == listed.reference
    return is_same and refund.state in _KNOWN_IN.get(listed.outcome.kind, ())


def _mismatch(refund: Refund, listed: ListedRefund) -> str:
    """Return in what `listed` is not our refund; empty where it is."""
    differs = {
        "amount": listed.amount != refund.amount,
        "currency": listed.currency != refund.currency,
        "charge": listed.charge != refund.charge.gateway_reference,
        "mode (test or live)": listed.live,
    }
    return ", ".join(name for name, is_other in differs.items() if is_other)
