"""What follows from a gateway's event about a dispute (requirements D5, E1): the payment is frozen, the gateway asked.

A refund over a dispute loses the money twice, and cannot be undone; a freeze without need costs minutes. So the event
is believed for as long as it takes to ask.
"""

from datetime import timedelta
from typing import Final

from django.db.models import Q

from disputes.models import Dispute
from disputes.reading import Said, said_in
from disputes.services.heard import NOT_FOUND
from disputes.services.locks import dispute_if_free, payment_if_free
from disputes.services.open import open_dispute
from disputes.states import DisputeStatus
from payments.gateways.text import sanitised
from payments.models import OperatorTask
from payments.outcomes import Later, Told
from payments.services import questions
from payments.services.gateway_events.write import subject
from payments.services.questions import Question

ASKED_PEOPLE: Final = "People were asked to answer the dispute."
ASKED: Final = "The gateway is asked."
KNOWN: Final = "Known before."
# Characters of a question by which it is known again.
_MARK: Final = 500
_SOON: Final = timedelta(seconds=2)


def told(news: Told) -> str | Later:
    """Open the dispute that the event names, or have the gateway asked about the one that we know.

    One that names none, or is of a charge that no payment keeps, is a question to people alone: nothing could be asked
    about it, or frozen for it.
    """
    payment = payment_if_free(news.attempt.payment_id)
    if payment is None:
        return Later("Somebody is at work on the payment.")
    said, reference = said_in(bytes(news.event.body)), news.event.about
    if not reference or _is_of_another_charge(news):
        return _ask_people(news, said, "")
    known = Dispute.objects.filter(gateway=news.event.gateway, gateway_reference=reference).first()
    if known is not None:
        dispute = dispute_if_free(known.pk)
        return Later("Somebody is at work on the dispute.") if dispute is None else _ask_gateway(dispute, news)
    return _ask_people(news, said, open_dispute(payment, news, said))


def _is_of_another_charge(news: Told) -> bool:
    reference = news.event.reference
    return bool(reference) and news.attempt.gateway_reference not in {"", reference}


def _ask_gateway(dispute: Dispute, news: Told) -> str | Later:
    """Have the gateway asked about the locked `dispute` now, unless the event tells nothing new."""
    if dispute.claimed_until is not None and dispute.claimed_until > news.now:
        # What it answers may be older than the event.
        return Later("The gateway is being asked about the dispute.", _SOON)
    is_open = dispute.status == DisputeStatus.NEEDS_RESPONSE
    if is_open and dispute.confirmed_at is not None and news.event.type == "dispute.created":
        return KNOWN
    # Two answers that there is none must lie some minutes apart.
    waits = is_open and dispute.trouble == NOT_FOUND
    if not waits:
        later = Q(due_at__isnull=True) | Q(due_at__gt=news.now)
        Dispute.objects.filter(later, pk=dispute.pk).update(due_at=news.now)
    return ASKED


def _ask_people(news: Told, said: Said, exposure: str) -> str:
    """Ask people about the payment, with what the event says of reason, amount and time: nobody has checked that.

    The same event again asks nothing more, whether its question is open or closed.
    """
    event, payment_id = news.event, news.attempt.payment_id
    name = subject(event)
    # The id as it is: masked, two disputes could look like one.
    mark = f"{name}: {sanitised(said.in_words())}"
    question = Question(
        payment_id=payment_id,
        kind=OperatorTask.Kind.DISPUTE_RECEIVED,
        said=f"{mark} {exposure}".strip(),
        mark=mark[:_MARK],
        name=name,
        key=f"event:{event.pk}",
        another=f"Another dispute of payment {payment_id}",
    )
    questions.ask(question)
    return ASKED_PEOPLE
