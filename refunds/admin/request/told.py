"""What a refund will do, told before anything is done: how much, to whom, from which charge, and who has to agree."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User

from payments.admin.confirm import because_of
from payments.models import Attempt, Payment
from payments.money import Money
from payments.reliability import refundable
from payments.states import AttemptState
from refunds import rules
from refunds.admin.may import limits_of, role_of
from refunds.models import Reason
from refunds.services.request import refunded_alone


@dataclass(frozen=True, slots=True)
class Told:
    """The confirmation page. happens: what is done; approval: why a second person is needed, empty where not."""

    facts: list[tuple[str, str]]
    happens: str
    approval: str


def told(payment: Payment, amount: int, reason: str, note: str, user: User) -> Told:
    """Return what happens when `user` has `amount` minor units of `payment` refunded."""
    money = Money(amount, payment.currency)
    remains = Money(refundable.remaining(payment) - amount, payment.currency)
    approval = _approval(money, payment, user)
    goes = (
        f"{money} are reserved at once. Nothing is sent before the approval."
        if approval
        else f"{money} are reserved at once, and gateway {payment.gateway} is told within seconds to give them back. "
        "Once sent, a refund cannot be called back."
    )
    facts = [
        ("Amount", str(money)),
        ("To", _customer(payment)),
        ("Of the charge", _charge(payment)),
        ("Order", payment.order.reference),
        ("Reason", Reason(reason).label),
        ("Note", note),
        ("Refundable afterwards", str(remains)),
    ]
    return Told([(name, text) for name, text in facts if text], goes, approval)


def _approval(money: Money, payment: Payment, user: User) -> str:
    limits = limits_of(user)
    before = refunded_alone(payment.pk, because_of(user, "").actor)
    if not rules.needs_approval(money, limits, before):
        return ""
    limit = Money(limits.get(money.currency, 0), money.currency)
    together = f", with the {Money(before, money.currency)} of this payment that you refunded before," if before else ""
    return (
        f"{money}{together} is above what your role ({role_of(user)}) refunds alone ({limit}): a second person must "
        f"approve it within {settings.REFUND_APPROVAL_HOURS} hours, or it lapses. You cannot approve it yourself."
    )


def _customer(payment: Payment) -> str:
    order = payment.order
    customer = " · ".join(filter(None, (order.customer_name, order.customer_email, order.customer_reference)))
    return f"{customer or 'the customer'}, the way it was paid ({payment.method_type})"


def _charge(payment: Payment) -> str:
    charge = Attempt.objects.filter(payment=payment, state=AttemptState.SUCCEEDED).first()
    if charge is None:
        return ""
    return f"{charge.gateway_reference or charge.gateway_key} at gateway {charge.gateway}, {payment.money}"
