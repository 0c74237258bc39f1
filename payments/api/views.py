"""The payments API (design: section 5). Each view reads, asks one service or query, and answers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments import idempotency, ids, queries
from payments.api import payments_schema, representation, validation
from payments.api.caller import caller
from payments.api.listing import page_of
from payments.api.problems import FieldError, Problem, invalid, not_found
from payments.api.waiting import preferred_wait, wait_for_outcome
from payments.audit import Because
from payments.crash_points import reach
from payments.models import Payment
from payments.services import accept, cancel


def because(request: Request) -> Because:
    """Return who asks, for the audit trail."""
    return Because(actor=caller(request).actor, cause=f"request:{request.method} {request.path}"[:96])


def own_payment(request: Request, payment_id: str) -> Payment:
    """Return the caller's payment; raise the 404 that tells nothing about other clients' payments."""
    known = ids.is_id(payment_id, "pay")
    payment = queries.payments_of(caller(request).client_id).filter(pk=payment_id).first() if known else None
    if payment is None:
        raise not_found("payment")
    return payment


class ProcessView(APIView):
    """Takes a payment: the request is durable when this answers 202, whatever happens afterwards (A1, A5)."""

    scopes = {"POST": "payments:write"}

    @extend_schema(**payments_schema.PROCESS)
    def post(self, request: Request) -> Response:
        header = request.META.get("HTTP_IDEMPOTENCY_KEY")
        asked = validation.pay_request(caller(request).client_id, request.data, header)
        try:
            accepted = accept.accept(asked, because(request))
        except accept.KeyReusedError:
            raise _key_reused() from None
        except accept.OrderConflictError as conflict:
            raise _conflict(conflict) from None
        wait = preferred_wait(request.META.get("HTTP_PREFER", ""))
        payment = wait_for_outcome(accepted.payment, wait)
        response = Response(representation.payment(payment), status=accepted.status_code)
        response["Location"] = f"/api/payments/{payment.pk}"
        if accepted.replayed:
            response["Idempotent-Replayed"] = "true"
        if wait:
            response["Preference-Applied"] = f"wait={wait}"
        if __debug__:
            reach("accept.answering")
        return response


class PaymentListView(APIView):
    """The caller's payments, newest first."""

    scopes = {"GET": "payments:read"}

    @extend_schema(**payments_schema.LIST)
    def get(self, request: Request) -> Response:
        return Response(page_of(queries.payments_of(caller(request).client_id), request.query_params))


class PaymentView(APIView):
    """One payment with its attempts (A2)."""

    scopes = {"GET": "payments:read"}

    @extend_schema(**payments_schema.RETRIEVE)
    def get(self, request: Request, payment_id: str) -> Response:
        payment = own_payment(request, payment_id)
        return Response(representation.with_attempts(payment, list(payment.attempts.order_by("number"))))


class StatusView(APIView):
    """What may change about a payment; `?wait=N` answers as soon as the outcome is known (A2)."""

    scopes = {"GET": "payments:read"}

    @extend_schema(**payments_schema.STATUS)
    def get(self, request: Request, payment_id: str) -> Response:
        wait = request.query_params.get("wait", "0")
        if not wait.isascii() or not wait.isdigit() or len(wait) > 4:
            raise invalid([FieldError("wait", "must be a whole number of seconds; more than 20 count as 20.")])
        payment = wait_for_outcome(own_payment(request, payment_id), preferred_wait(f"wait={wait}"))
        return Response(representation.status(payment))


class CancelView(APIView):
    """Calls a payment off while that cannot leave a charge behind."""

    scopes = {"POST": "payments:write"}

    @extend_schema(**payments_schema.CANCEL)
    def post(self, request: Request, payment_id: str) -> Response:
        payment = own_payment(request, payment_id)
        try:
            cancel.cancel(payment.pk, because(request), reason="asked by the client")
        except cancel.CannotCancelError as error:
            raise _cannot_cancel(error) from None
        return Response(representation.payment(own_payment(request, payment_id)))


class ValidateKeyView(APIView):
    """Says whether an idempotency key is free, names the same request, or another (A4). Nothing is reserved."""

    scopes = {"POST": "payments:read"}

    @extend_schema(**payments_schema.VALIDATE_KEY)
    def post(self, request: Request) -> Response:
        client_id, body = caller(request).client_id, request.data
        if isinstance(body, dict) and body.keys() == {"idempotencyKey"}:
            errors: list[FieldError] = []
            key, digest = validation.checked_key(body["idempotencyKey"], errors), None
            if errors:
                raise invalid(errors)
        else:
            asked = validation.pay_request(client_id, body, request.META.get("HTTP_IDEMPOTENCY_KEY"))
            key, digest = asked.key, asked.request_hash
        record = queries.key_record(client_id, accept.OPERATION, key)
        answer: dict[str, Any] = {"idempotencyKey": key, "state": "free", "paymentID": None, "expiresAt": None}
        if record is not None:
            state = "used" if digest is None else ("same" if digest == record.request_hash else "different")
            expires_at = representation.timestamp(record.expires_at)
            answer |= {"state": state, "paymentID": record.payment_id, "expiresAt": expires_at}
        return Response(answer)


class KeyView(APIView):
    """What is kept of an idempotency key (A4)."""

    scopes = {"GET": "payments:read"}

    @extend_schema(**payments_schema.KEY)
    def get(self, request: Request, key: str) -> Response:
        known = idempotency.is_valid_key(key)
        record = queries.key_record(caller(request).client_id, accept.OPERATION, key) if known else None
        if record is None:
            raise not_found("idempotency key")
        return Response(representation.key_record(record))


class AuditView(APIView):
    """The audit trail of one payment, oldest first (G1)."""

    scopes = {"GET": "audit:read"}

    @extend_schema(**payments_schema.AUDIT)
    def get(self, request: Request) -> Response:
        payment_id = request.query_params.get("paymentID")
        if not payment_id:
            raise invalid([FieldError("paymentID", "is missing.")])
        trail = queries.trail_of(own_payment(request, payment_id))
        return Response({"data": [representation.audit_entry(entry) for entry in trail]})


# Made anew each time: a kept exception collects the frames, and so the requests, of everyone it was raised for.
def _key_reused() -> Problem:
    return Problem(
        status=422,
        code="idempotency_key_reused",
        title="This idempotency key was used for another request.",
        detail="Nothing was done and nothing was charged. Use a new key for a new request.",
    )


def _conflict(error: accept.OrderConflictError) -> Problem:
    return Problem(
        status=409,
        code=error.code,
        title="The order cannot take this payment.",
        detail=f"{_CONFLICTS[error.code]} Nothing was done by this request.",
        more={"paymentID": error.payment_id} if error.payment_id else {},
    )


def _cannot_cancel(error: cancel.CannotCancelError) -> Problem:
    return Problem(
        status=409,
        code=error.code,
        title="The payment cannot be canceled.",
        detail=f"{_CANNOT_CANCEL[error.code]} Nothing was changed.",
    )


_CONFLICTS = {
    "order_amount_mismatch": "The order has another amount or currency. Use a new orderID for another amount.",
    "order_already_paid": "The order is paid; it is not charged again. See the payment named in paymentID.",
    "order_has_live_payment": "A payment of this order is under way. Wait for the payment named in paymentID.",
}
_CANNOT_CANCEL = {
    "already_paid": "It was charged; only a refund gives the money back.",
    "outcome_open": "A charge is under way and may succeed at any moment.",
    "not_cancelable": "It has ended, or a person is deciding about it.",
}
