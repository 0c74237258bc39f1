"""The states of refunds, of their attempts and of bulk refunds, and every edge between them (requirement A11)."""

from typing import Final

from django.db.models import TextChoices

from payments.states import StateTable, edges


class RefundState(TextChoices):
    REQUESTED = "requested", "Requested"
    AWAITING_APPROVAL = "awaiting_approval", "Awaiting approval"
    PROCESSING = "processing", "Processing"
    UNKNOWN = "unknown", "Outcome unknown"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    REJECTED = "rejected", "Rejected"


class RefundAttemptState(TextChoices):
    SENT = "sent", "Sent"
    SUCCEEDED = "succeeded", "Succeeded"
    PENDING = "pending", "Taken on by the gateway"
    DECLINED = "declined", "Declined"
    NOT_SENT = "not_sent", "Not sent"
    UNKNOWN = "unknown", "Unknown"
    REJECTED = "rejected", "Rejected"
    NOT_FOUND = "not_found", "Not found"
    UNRESOLVED = "unresolved", "Unresolved"
    BOUNCED = "bounced", "Came back"


class BulkState(TextChoices):
    CHECKED = "checked", "Checked, not started"
    AWAITING_APPROVAL = "awaiting_approval", "Awaiting approval"
    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"
    DONE = "done", "Done"
    CANCELED = "canceled", "Canceled"


class RowState(TextChoices):
    REFUSED = "refused", "Cannot be refunded"
    WAITING = "waiting", "Waiting"
    REFUNDED = "refunded", "Refund requested"
    FAILED = "failed", "Failed"


REFUND: Final = StateTable(
    # One that was made at the gateway's own dashboard is born as it is there.
    births=frozenset(
        {
            *(RefundState.REQUESTED, RefundState.AWAITING_APPROVAL),
            *(RefundState.PROCESSING, RefundState.SUCCEEDED, RefundState.FAILED),
        }
    ),
    edges=edges(
        requested="processing rejected",
        awaiting_approval="processing rejected",
        processing="succeeded failed unknown",
        # Back to processing where it is proven that it did not happen, or the gateway has it and is not done.
        unknown="succeeded failed processing",
        # The money came back from the customer's bank.
        succeeded="failed",
        # Only on the gateway's proof that it happened after all.
        failed="succeeded",
    ),
)

# As an attempt to charge, an attempt to refund is born as `sent`, committed before its first byte leaves.
REFUND_ATTEMPT: Final = StateTable(
    births=frozenset({RefundAttemptState.SENT}),
    edges=edges(
        sent="succeeded pending declined not_sent unknown rejected",
        pending="succeeded declined unresolved",
        unknown="succeeded pending declined not_found unresolved",
        unresolved="succeeded pending declined not_found",
        # A late execution, after whatever was said before, is believed when the gateway proves it; and that it has it
        # and is not done, while the refund is open.
        not_found="succeeded pending",
        declined="succeeded",
        not_sent="succeeded pending",
        rejected="succeeded",
        succeeded="bounced",
    ),
)

BULK: Final = StateTable(
    births=frozenset({BulkState.CHECKED}),
    edges=edges(
        checked="awaiting_approval running canceled",
        awaiting_approval="running canceled",
        # An approval runs out: whatever is left after that waits for another.
        running="stopped done awaiting_approval",
        stopped="running canceled awaiting_approval",
        # Rows that failed may be tried again.
        done="running awaiting_approval",
    ),
)

# The refund is not over: the machine or a person still has to do something.
OPEN: Final = (
    *(RefundState.REQUESTED, RefundState.AWAITING_APPROVAL),
    *(RefundState.PROCESSING, RefundState.UNKNOWN),
)
# These take their amount out of what can be refunded (requirement D1).
RESERVED: Final = (*OPEN, RefundState.SUCCEEDED)
# At most one attempt of a refund may be in these: the index, not code, is the double-refund guard.
OPEN_OR_SUCCEEDED: Final = (
    *(RefundAttemptState.SENT, RefundAttemptState.PENDING, RefundAttemptState.UNKNOWN),
    *(RefundAttemptState.UNRESOLVED, RefundAttemptState.SUCCEEDED),
)
# Open attempts that a look-up can teach something about, while nobody asks at this very moment.
CAN_BE_ASKED: Final = (RefundAttemptState.PENDING, RefundAttemptState.UNKNOWN, RefundAttemptState.UNRESOLVED)
