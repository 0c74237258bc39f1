"""What every view of the refunds API has in common: its refusals speak of refunds, and say that no money moved."""

from rest_framework.response import Response
from rest_framework.views import APIView

from refunds.api import problems


class RefundsAPIView(APIView):
    """A view whose problems are worded for who wanted money to go back."""

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        response.data["detail"] = problems.detail_for_refunds(response.data)
        return response
