"""How the API's readers see recovery."""

from typing import Any, Final

from payments.api import schema
from payments.models import RecoveryRun

_COUNTS: Final = {"type": "object", "additionalProperties": {"type": "integer"}}
RECOVERY_RUN: Final = schema.shape(
    {
        "runID": {"type": "integer"},
        "trigger": {"type": "string", "enum": RecoveryRun.Trigger.values},
        "startedAt": schema.TIME,
        "finishedAt": schema.MAYBE_TIME,
        "found": {**_COUNTS, "description": "What was unfinished, by kind."},
        "repaired": {**_COUNTS, "description": "What this run put right, by kind."},
    }
)
RECOVERY_STATE: Final = schema.shape(
    {
        "unknown": {"type": "integer", "description": "Payments whose outcome is unknown now."},
        "oldestUnknown": {
            "anyOf": [
                schema.shape(
                    {"paymentID": {"type": "string"}, "createdAt": schema.TIME, "nextLookAt": schema.MAYBE_TIME}
                ),
                {"type": "null"},
            ]
        },
        "lastSweepAt": {**schema.MAYBE_TIME, "description": "Last run of the sweep over everything."},
        "lastBeatAt": {**schema.MAYBE_TIME, "description": "Last sign of life of a settle loop."},
        "lastRuns": {"type": "array", "items": RECOVERY_RUN, "description": "Asked for by this client, newest first."},
    }
)
RECOVER: Final[dict[str, Any]] = {
    "operation_id": "runRecovery",
    "tags": ["recovery"],
    "request": None,
    "responses": {**schema.answers(RECOVERY_RUN, "What was found and put right."), **schema.problems(401, 403, 503)},
}
RECOVERY_STATUS: Final[dict[str, Any]] = {
    "operation_id": "getRecoveryStatus",
    "tags": ["recovery"],
    "responses": {
        **schema.answers(RECOVERY_STATE, "What is unknown now, and the last runs."),
        **schema.problems(401, 403, 503),
    },
}
