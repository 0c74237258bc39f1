"""What people are asked about refunds that a gateway reports and that do not fit ours."""

from payments.gateways.after_capture import ListedRefund
from payments.models import OperatorTask
from payments.money import EXPONENTS, Money
from payments.services import questions
from payments.services.questions import Question


def ask(payment_id: str, gateway: str, listed: ListedRefund, why: str) -> None:
    """Ask people about `listed`, once however often it is read, in the caller's transaction."""
    question = Question(
        payment_id=payment_id,
        kind=OperatorTask.Kind.REFUND_MISMATCH,
        said=f"{gateway} has refund {listed.reference} of {in_words(listed)}: {why}",
        mark=f"refund {listed.reference} ",
        name=f"{gateway} refund {listed.reference}",
        key=f"refund:{listed.reference}",
        another=f"Another refund that does not fit: payment {payment_id}",
    )
    questions.ask(question)


def in_words(listed: ListedRefund) -> str:
    """Return how much was refunded; in minor units where the currency is none that we know."""
    if listed.currency in EXPONENTS:
        return str(Money(listed.amount, listed.currency))
    return f"{listed.amount} minor units {listed.currency}"
