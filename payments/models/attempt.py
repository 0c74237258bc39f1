"""An attempt: one outbound money operation, committed before its first byte leaves."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from payments.ids import new_attempt_id
from payments.models.base import PublicIdField, StateModel, edge
from payments.models.payment import Payment
from payments.states import ATTEMPT, OPEN_OR_SUCCEEDED, WAITING, AttemptState


class Attempt(StateModel):
    """One charge sent to one gateway under one key, which is constant over all sends of this attempt.

    sends, last_sent_at: how often and when last the charge was
    sent, counted before it leaves. looks: look-ups made so far; not_found_at: when the gateway first said, after the
    last send, that it knows nothing under the key, since one "not found" proves nothing.
    """

    id = PublicIdField(primary_key=True, default=new_attempt_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="attempts", db_index=False)
    kind = models.CharField(max_length=16, default="charge")
    number = models.PositiveSmallIntegerField()
    gateway = models.CharField(max_length=32)
    gateway_key = models.CharField(max_length=64)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    token = models.CharField(max_length=255)
    level = models.PositiveSmallIntegerField(default=1, help_text="Of the ladder, on which it was made.")
    three_d_secure = models.BooleanField(default=False, help_text="Whether we or the gateway asked for 3-D Secure.")

    state = FSMField(default=AttemptState.SENT, choices=AttemptState.choices, protected=True, db_index=False)
    gateway_reference = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=64, blank=True)
    decline_code = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=500, blank=True, help_text="The gateway's words, for operators only.")
    never_again = models.BooleanField(default=False, help_text="The card network forbids another try.")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="The gateway asked not to be called before.")
    card_brand = models.CharField(max_length=20, blank=True)
    card_fingerprint = models.CharField(max_length=64, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    sends = models.PositiveSmallIntegerField(default=1)
    last_sent_at = models.DateTimeField(db_default=Now(), editable=False)
    looks = models.PositiveIntegerField(default=0)
    not_found_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payment", "kind", "number"], name="attempts_are_numbered"),
            models.UniqueConstraint(fields=["gateway_key"], name="gateway_keys_are_never_reused"),
            models.UniqueConstraint(
                fields=["payment"],
                condition=models.Q(kind="charge", state__in=OPEN_OR_SUCCEEDED),
                name="one_open_or_succeeded_charge_per_payment",
            ),
        ]
        indexes = [
            models.Index(
                fields=["gateway_reference"], condition=~models.Q(gateway_reference=""), name="attempt_by_reference"
            ),
            # For the card networks' limits of tries with one card (B4).
            models.Index(
                fields=["card_fingerprint", "sent_at"],
                condition=models.Q(state="declined") & ~models.Q(card_fingerprint=""),
                name="attempt_declined_card",
            ),
            # For the sweep (C1). Without `sent`, through which every attempt goes: its payment tells as much.
            models.Index(fields=["payment"], condition=models.Q(state__in=WAITING), name="attempt_waiting"),
        ]

    def __str__(self) -> str:
        return self.gateway_key

    @property
    def is_open(self) -> bool:
        """Whether the customer may still be charged by this attempt."""
        return self.state in OPEN_OR_SUCCEEDED and self.state != AttemptState.SUCCEEDED

    @edge(ATTEMPT, state, AttemptState.SUCCEEDED)
    def succeed(self, *, now: datetime) -> None:
        self.finished_at = now

    @edge(ATTEMPT, state, AttemptState.DECLINED)
    def decline(self, *, now: datetime) -> None:
        self.finished_at = now

    @edge(ATTEMPT, state, AttemptState.ACTION_REQUIRED)
    def require_action(self) -> None:
        """The gateway waits for the customer: still open, as it may charge at any moment."""
        self.three_d_secure = True

    @edge(ATTEMPT, state, AttemptState.NOT_SENT)
    def prove_not_sent(self, *, now: datetime) -> None:
        self.finished_at = now

    @edge(ATTEMPT, state, AttemptState.REJECTED)
    def reject(self, *, now: datetime) -> None:
        self.finished_at = now

    @edge(ATTEMPT, state, AttemptState.UNKNOWN)
    def lose(self) -> None:
        """No answer that proves anything: it may have happened."""

    @edge(ATTEMPT, state, AttemptState.NOT_FOUND)
    def prove_not_found(self, *, now: datetime) -> None:
        """Looked up twice, far enough apart, after the late-arrival window: it did not happen."""
        self.finished_at = now

    @edge(ATTEMPT, state, AttemptState.UNRESOLVED)
    def give_to_people(self) -> None:
        """Unknown for too long: a person decides, and the machine goes on asking."""

    @edge(ATTEMPT, state, AttemptState.VOIDED)
    def void(self, *, now: datetime) -> None:
        self.finished_at = now
