"""An attempt to refund: one decision to send a refund to its gateway, committed before its first byte leaves."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from payments.ids import new_id
from payments.models.base import PublicIdField, StateModel, edge
from refunds.models.refund import Refund
from refunds.states import OPEN_OR_SUCCEEDED, REFUND_ATTEMPT, RefundAttemptState


def new_refund_attempt_id() -> str:
    return new_id("rfa")


class RefundAttempt(StateModel):
    """The fields are those of an attempt to charge (payments/models/attempt.py).

    All attempts of one refund have one key at the gateway, the refund's id, so that sending it again after it was
    proven not to have happened can still not refund twice.
    """

    id = PublicIdField(primary_key=True, default=new_refund_attempt_id)
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="attempts", db_index=False)
    number = models.PositiveSmallIntegerField()

    state = FSMField(
        default=RefundAttemptState.SENT, choices=RefundAttemptState.choices, protected=True, db_index=False
    )
    gateway_reference = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=64, blank=True)
    decline_code = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=500, blank=True, help_text="The gateway's words, for operators only.")
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    sends = models.PositiveSmallIntegerField(default=1)
    last_sent_at = models.DateTimeField(db_default=Now(), editable=False)
    looks = models.PositiveIntegerField(default=0)
    not_found_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["refund", "number"], name="refund_attempts_are_numbered"),
            models.UniqueConstraint(
                fields=["refund"],
                condition=models.Q(state__in=OPEN_OR_SUCCEEDED),
                name="one_open_or_succeeded_attempt_per_refund",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id} attempt {self.number}"

    @property
    def gateway(self) -> str:
        return self.refund.gateway

    @property
    def is_open(self) -> bool:
        """Whether the gateway may still make, or may have made, the refund by this attempt."""
        return self.state in OPEN_OR_SUCCEEDED and self.state != RefundAttemptState.SUCCEEDED

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.SUCCEEDED)
    def succeed(self, *, now: datetime) -> None:
        self.finished_at = now

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.PENDING)
    def wait(self) -> None:
        """The gateway has taken it on; whether the customer gets the money shows later."""
        self.finished_at = None

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.DECLINED)
    def decline(self, *, now: datetime) -> None:
        self.finished_at = now

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.NOT_SENT)
    def prove_not_sent(self, *, now: datetime) -> None:
        self.finished_at = now

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.REJECTED)
    def reject(self, *, now: datetime) -> None:
        self.finished_at = now

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.UNKNOWN)
    def lose(self) -> None:
        """No answer that proves anything: it may have happened."""

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.NOT_FOUND)
    def prove_not_found(self, *, now: datetime) -> None:
        """Looked up twice, far enough apart, after the late-arrival window: it did not happen."""
        self.finished_at = now

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.UNRESOLVED)
    def give_to_people(self) -> None:
        """Unknown for too long: a person decides, and the machine goes on asking."""

    @edge(REFUND_ATTEMPT, state, RefundAttemptState.BOUNCED)
    def bounce(self, *, now: datetime) -> None:
        """The money came back from the customer's bank."""
        self.finished_at = now
