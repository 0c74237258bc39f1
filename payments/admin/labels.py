"""The colour of a state: one word of Unfold's label per state, the same everywhere in the console."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeVar, cast

from unfold.decorators import display

from payments.admin.sentences import UNKNOWN_OUTCOME
from payments.models import Delivery, GatewayEvent, Payment
from payments.states import AttemptState, PaymentStatus, SurplusState

PAYMENT: Final[dict[str, str]] = {
    PaymentStatus.PENDING: "info",
    PaymentStatus.PROCESSING: "info",
    PaymentStatus.REQUIRES_ACTION: "info",
    PaymentStatus.RETRYING: "warning",
    PaymentStatus.REVIEW: "danger",
    PaymentStatus.SUCCESS: "success",
    PaymentStatus.FAILED: "danger",
    PaymentStatus.EXPIRED: "default",
    PaymentStatus.CANCELED: "default",
    UNKNOWN_OUTCOME: "warning",
}
ATTEMPT: Final[dict[str, str]] = {
    AttemptState.SENT: "info",
    AttemptState.SUCCEEDED: "success",
    AttemptState.DECLINED: "danger",
    AttemptState.ACTION_REQUIRED: "info",
    AttemptState.NOT_SENT: "default",
    AttemptState.UNKNOWN: "warning",
    AttemptState.REJECTED: "danger",
    AttemptState.NOT_FOUND: "default",
    AttemptState.UNRESOLVED: "warning",
    AttemptState.VOIDED: "default",
}
SURPLUS: Final[dict[str, str]] = {
    SurplusState.OWED: "warning",
    SurplusState.RETURNED: "success",
    SurplusState.REFUSED: "danger",
}
GATEWAY_EVENT: Final[dict[str, str]] = {
    GatewayEvent.State.RECEIVED: "info",
    GatewayEvent.State.APPLIED: "success",
    GatewayEvent.State.IGNORED: "default",
    GatewayEvent.State.PARKED: "warning",
    GatewayEvent.State.GIVEN_UP: "danger",
}
DELIVERY: Final[dict[str, str]] = {
    Delivery.State.PENDING: "info",
    Delivery.State.DELIVERED: "success",
    Delivery.State.FAILED: "danger",
}


Column = TypeVar("Column", bound=Callable[..., Any])


class _Label(tuple[str, str]):
    """(key, words), which pages that show no colours show as the words."""

    __slots__ = ()

    def __str__(self) -> str:
        return self[1]


def coloured(description: str, colours: Mapping[str, str]) -> Callable[[Column], Column]:
    """Decorate a list column that returns a key of `colours`, or (key, words), to be shown as a coloured label."""

    def decorate(column: Column) -> Column:
        @wraps(column)
        def shown(*args: Any) -> Any:
            value = column(*args)
            return _Label(value) if isinstance(value, tuple) else value

        return cast("Column", display(description=description, label=dict(colours))(shown))

    return decorate


def of_payment(payment: Payment) -> tuple[str, str]:
    """Return (key into PAYMENT, words of the label). An unknown outcome outranks the state, except in review."""
    if payment.outcome_unknown and payment.status != PaymentStatus.REVIEW:
        return UNKNOWN_OUTCOME, UNKNOWN_OUTCOME
    return payment.status, PaymentStatus(payment.status).label
