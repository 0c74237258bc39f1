"""The refunds API (requirements D1, D2, D6). Each view reads, asks one service or query, and answers."""

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from payments import ids
from payments.api.caller import caller
from payments.api.problems import not_found
from payments.api.views import because, own_payment
from payments.api.waiting import preferred_wait, wait_while
from refunds import queries
from refunds.api import problems, schema, validation
from refunds.api.base import RefundsAPIView
from refunds.api.listing import page_of
from refunds.api.representation import with_attempts
from refunds.models import Refund
from refunds.representation import refund as shown
from refunds.services import approve
from refunds.services.request import KeyReusedError, RefundRefusedError
from refunds.services.request import request as request_refund
from refunds.states import RefundState


def own_refund(request: Request, refund_id: str) -> Refund:
    """Return the caller's refund; raise the 404 that tells nothing about other clients' refunds."""
    known = ids.is_id(refund_id, "rf")
    refund = queries.refunds_of(caller(request).client_id).filter(pk=refund_id).first() if known else None
    if refund is None:
        raise not_found("refund")
    return refund


class RefundPaymentView(RefundsAPIView):
    """Takes a refund: it is durable and its amount reserved when this answers 202, whatever happens afterwards."""

    scopes = {"POST": "refunds:write"}

    @extend_schema(**schema.REFUND_PAYMENT)
    def post(self, request: Request, payment_id: str) -> Response:
        body, header = request.data, request.META.get("HTTP_IDEMPOTENCY_KEY")
        payment = own_payment(request, payment_id)
        wanted = validation.refund_request(payment, body, header, settings.REFUND_LIMITS["api"])
        try:
            requested = request_refund(wanted, because(request))
        except RefundRefusedError as refusal:
            raise problems.refused(refusal, payment.pk) from None
        except KeyReusedError:
            raise problems.key_reused() from None
        wait = preferred_wait(request.META.get("HTTP_PREFER", ""))
        refund = _awaited(requested.refund, wait)
        response = Response(shown(refund), status=202)
        response["Location"] = f"/api/refunds/{refund.pk}"
        if requested.replayed:
            response["Idempotent-Replayed"] = "true"
        if wait:
            response["Preference-Applied"] = f"wait={wait}"
        return response


class RefundListView(RefundsAPIView):
    """The caller's refunds, newest first."""

    scopes = {"GET": "refunds:read"}

    @extend_schema(**schema.LIST)
    def get(self, request: Request) -> Response:
        return Response(page_of(queries.refunds_of(caller(request).client_id), request.query_params))


class RefundView(RefundsAPIView):
    """One refund with its attempts."""

    scopes = {"GET": "refunds:read"}

    @extend_schema(**schema.RETRIEVE)
    def get(self, request: Request, refund_id: str) -> Response:
        return Response(with_attempts(own_refund(request, refund_id)))


class CancelView(RefundsAPIView):
    """Calls a refund off while nothing of it was sent; its amount can be refunded again."""

    scopes = {"POST": "refunds:write"}

    @extend_schema(**schema.CANCEL)
    def post(self, request: Request, refund_id: str) -> Response:
        refund = own_refund(request, refund_id)
        try:
            return Response(shown(approve.reject(refund.pk, because(request), "Called off by the client.")))
        except approve.NotApprovableError:
            # As it is now: no refund comes back to a state in which it could be called off.
            raise problems.not_cancelable(Refund.objects.get(pk=refund.pk).state) from None


def _awaited(refund: Refund, seconds: int) -> Refund:
    """Return the refund as soon as its outcome is known, or as it is after `seconds`; people are not waited for."""
    return wait_while(_is_under_way, refund, seconds, lambda: Refund.objects.get(pk=refund.pk))


def _is_under_way(refund: Refund) -> bool:
    return refund.state in {RefundState.REQUESTED, RefundState.PROCESSING, RefundState.UNKNOWN}
