"""Trying a payment again over the API (requirement A3)."""

from typing import Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments.api import representation, retry_schema, validation
from payments.api.problems import Problem
from payments.api.views import because, own_payment
from payments.services.retry_payment import CannotRetryError, retry

_WHY_NOT: Final = {
    "already_paid": "The order is paid; it is not charged again.",
    "outcome_open": "A charge is under way and may succeed at any moment. Wait for its outcome.",
    "waiting_for_customer": "The customer has to confirm with the bank first: see nextAction of the payment.",
    "in_review": "A person is deciding about it.",
    "needs_another_card": "This card was declined for good. Send another paymentMethod.",
    "network_limit": "The card network allows no further try with this card for now. Send another paymentMethod.",
    "superseded": "It was tried again before. See the payment named in paymentID, and retry that one.",
    "order_has_live_payment": "Another payment of this order is under way. Wait for the one named in paymentID.",
}


class RetryView(APIView):
    """Does the safe thing with the same card or another one, or says why not. Safe to repeat."""

    scopes = {"POST": "payments:write"}

    @extend_schema(**retry_schema.RETRY)
    def post(self, request: Request, payment_id: str) -> Response:
        method = validation.retry_method(request.data)
        payment = own_payment(request, payment_id)
        try:
            going_on = retry(payment.pk, because(request), method=method)
        except CannotRetryError as error:
            raise _cannot_retry(error) from None
        response = Response(representation.payment(going_on), status=202)
        response["Location"] = f"/api/payments/{going_on.pk}"
        return response


def _cannot_retry(error: CannotRetryError) -> Problem:
    return Problem(
        status=409,
        code=error.code,
        title="The payment cannot be tried again.",
        detail=f"{_WHY_NOT[error.code]} Nothing was changed by this request.",
        more={"paymentID": error.payment_id} if error.payment_id else {},
    )
