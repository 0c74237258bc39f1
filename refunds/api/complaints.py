"""Complaints: a small order is refunded at once, before it becomes a chargeback (requirement D4)."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from payments.api.caller import caller
from payments.api.problems import not_found
from payments.api.views import because
from payments.models import Order
from refunds.api import problems, schema, validation
from refunds.api.base import RefundsAPIView
from refunds.api.representation import answered
from refunds.services.complain import complain
from refunds.services.request import KeyReusedError, RefundRefusedError


class ProactiveView(RefundsAPIView):
    """Refunds the order of a complaint at once where the policy allows it, else asks people."""

    scopes = {"POST": "refunds:write"}

    @extend_schema(**schema.PROACTIVE)
    def post(self, request: Request) -> Response:
        header = request.META.get("HTTP_IDEMPOTENCY_KEY")
        complained = validation.complaint(caller(request).client_id, request.data, header)
        try:
            known = complain(complained, because(request))
        except Order.DoesNotExist:
            raise not_found("order") from None
        except RefundRefusedError as refusal:
            raise problems.refused(refusal) from None
        except KeyReusedError:
            raise problems.key_reused() from None
        response = Response(answered(known), status=202)
        if known.complaint.refund_id is not None:
            response["Location"] = f"/api/refunds/{known.complaint.refund_id}"
        if known.replayed:
            response["Idempotent-Replayed"] = "true"
        return response
