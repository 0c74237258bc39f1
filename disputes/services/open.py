"""Opens a dispute by what a gateway's event says, before the gateway was asked: at once, and for too much rather than
too little."""

from functools import partial

from django.db import transaction

from disputes.events import CREATED
from disputes.models import Dispute
from disputes.reading import Said
from disputes.services.change import Change
from payments.crash_points import reach
from payments.models import Payment
from payments.outcomes import Told
from payments.services.book import Book


def open_dispute(payment: Payment, news: Told, said: Said) -> str:
    """Write the dispute that `news` names, due now, and freeze the locked `payment`; return the exposure in words.

    A refund that is queued is called off when its turn comes; one that is under way cannot be, and is counted.
    """
    event = news.event
    dispute = Dispute(
        payment=payment,
        charge=news.attempt,
        gateway=event.gateway,
        gateway_reference=event.about,
        amount=_amount(payment, said),
        currency=payment.currency,
        reason=said.reason,
        refunded_before=payment.refund_reserved,
        respond_by=said.respond_by,
        due_at=news.now,
        opened_at=news.now,
    )
    book = Book(now=news.now)
    change = Change(dispute, news.because, book)
    facts = {"amount": dispute.amount, "currency": dispute.currency, "refundedBefore": dispute.refunded_before}
    change.tell("dispute.opened", before="", event=CREATED, reason=said.reason, reference=event.about, **facts)
    change.open()
    change.warn_of_double_loss()
    book.write()
    if __debug__:
        reach("dispute_open.committing")
        # The transaction is that of the event, and ends when all that were claimed with it are settled.
        transaction.on_commit(partial(reach, "dispute_open.committed"))
    return change.exposure()


def _amount(payment: Payment, said: Said) -> int:
    """Return what the event says where that can be true; else all of the payment."""
    money = said.money
    is_possible = money is not None and money.currency == payment.currency and money.minor <= payment.amount
    return money.minor if money is not None and is_possible else payment.amount
