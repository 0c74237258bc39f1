"""Recovery over the API (requirement C2): a client sees and recovers its own payments."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments import queries
from payments.api import recovery_schema, representation
from payments.api.caller import caller
from payments.audit import Because
from payments.models import Payment, RecoveryRun
from payments.services.recover import recover

_RUNS: Final = 10
# Counting stops here: an answer that says "at least this many" is enough, and never slow.
_COUNT_TO: Final = 10_000


class RecoverView(APIView):
    """Runs recovery now over the caller's payments. Safe to repeat; says what was found and put right."""

    scopes = {"POST": "recovery:run"}

    @extend_schema(**recovery_schema.RECOVER)
    def post(self, request: Request) -> Response:
        asked_by = caller(request)
        because = Because(actor=asked_by.actor, cause="request:POST /api/recovery/process")
        run = recover(RecoveryRun.Trigger.API, because, client_id=asked_by.client_id)
        return Response(representation.recovery_run(run))


class RecoveryStatusView(APIView):
    """Tells how many of the caller's outcomes are unknown, since when, and what the last runs did."""

    scopes = {"GET": "recovery:run"}

    @extend_schema(**recovery_schema.RECOVERY_STATUS)
    def get(self, request: Request) -> Response:
        client_id = caller(request).client_id
        unknown = queries.unknown_payments(client_id)
        oldest = unknown.first()
        beat = queries.last_beat()
        last_sweep = queries.recovery_runs().filter(client__isnull=True, finished_at__isnull=False).first()
        return Response(
            {
                "unknown": len(unknown.values_list("pk")[:_COUNT_TO]),
                "oldestUnknown": None if oldest is None else _oldest(oldest),
                "lastSweepAt": None if last_sweep is None else representation.timestamp(last_sweep.finished_at),
                "lastBeatAt": representation.timestamp(beat),
                "lastRuns": [representation.recovery_run(run) for run in queries.recovery_runs(client_id)[:_RUNS]],
            }
        )


def _oldest(payment: Payment) -> dict[str, Any]:
    return {
        "paymentID": payment.pk,
        "createdAt": representation.timestamp(payment.created_at),
        "nextLookAt": representation.timestamp(payment.due_at),
    }
