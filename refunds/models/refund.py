"""A refund: money of one captured charge that goes back, once, under the refund's own id."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from payments.ids import new_refund_id
from payments.models import Attempt, Client, Payment
from payments.models.base import PublicIdField, StateModel, edge
from payments.money import Money
from refunds.states import REFUND, RefundState


class Reason(models.TextChoices):
    """Why money goes back (requirement D4; the words of the cards' own reason lists where they have one)."""

    CUSTOMER_REQUEST = "customer_request", "Customer's request"
    DUPLICATE = "duplicate", "Ordered or paid twice"
    FRAUDULENT = "fraudulent", "Fraudulent"
    PRODUCT_NOT_RECEIVED = "product_not_received", "Product not received"
    PRODUCT_UNACCEPTABLE = "product_unacceptable", "Product unacceptable"
    SUBSCRIPTION_CANCELED = "subscription_canceled", "Subscription canceled"
    CREDIT_NOT_PROCESSED = "credit_not_processed", "Promised credit not processed"
    PROACTIVE = "proactive_customer_satisfaction", "Proactive, for the customer's satisfaction"
    LATE_SUCCESS = "late_success", "Charged too late"
    DUPLICATE_CHARGE = "duplicate_charge", "Charged twice"
    OTHER = "other", "Other"


class Origin(models.TextChoices):
    """By which door a refund came."""

    API = "api", "API"
    CONSOLE = "console", "Console"
    PROACTIVE = "proactive", "Policy for complaints"
    BULK = "bulk", "Bulk refund"
    GATEWAY = "gateway", "Gateway's dashboard"


class Refund(StateModel):
    """One refund; amount in minor units, times in UTC by the database's clock.

    The id is the gateway's idempotency key (D2). charge: the attempt whose capture is given back. idempotency_key: of
    whoever asked, for ever: the same key is the same refund however late (one that begins with `~` was made here).
    requested_by, approved_by: actors as in the audit trail; parameters_hash: what an approval is bound to.
    due_at, claimed_until, fence: as those of a payment; while it awaits approval, due_at is when the request lapses.
    """

    id = PublicIdField(primary_key=True, default=new_refund_id)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="refunds", db_index=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    charge = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="refunds", db_index=False)
    gateway = models.CharField(max_length=32)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=40, choices=Reason.choices)
    note = models.CharField(max_length=500, blank=True, help_text="For people; never shown to the customer.")
    origin = models.CharField(max_length=12, choices=Origin.choices)
    idempotency_key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)

    state = FSMField(default=RefundState.REQUESTED, choices=RefundState.choices, protected=True, db_index=False)
    error_code = models.CharField(max_length=64, blank=True, help_text="Why it was rejected, or failed.")
    message = models.CharField(max_length=500, blank=True, help_text="The gateway's words, for operators only.")
    gateway_reference = models.CharField(max_length=100, blank=True)

    requested_by = models.CharField(max_length=64)
    parameters_hash = models.CharField(max_length=64)
    needs_approval = models.BooleanField(default=False)
    approved_by = models.CharField(max_length=64, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=500, blank=True, help_text="What was said with the approval or rejection.")

    due_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "idempotency_key"], name="one_refund_per_key"),
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"],
                condition=~models.Q(gateway_reference=""),
                name="one_refund_per_refund_of_a_gateway",
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=models.Q(needs_approval=False)
                | ~models.Q(state__in=("processing", "unknown", "succeeded", "requested"))
                | (~models.Q(approved_by="") & ~models.Q(approved_by=models.F("requested_by"))),
                name="nobody_approves_their_own_refund",
            ),
        ]
        indexes = [
            models.Index(fields=["client", "id"], name="refund_of_client"),
            models.Index(fields=["client", "state", "id"], name="refund_of_client_in_state"),
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="refund_due"),
            # The console's work queues and filter by state, and the metrics. Nearly all have succeeded, and those are
            # found without it.
            models.Index(fields=["state", "id"], condition=~models.Q(state="succeeded"), name="refund_not_succeeded"),
            # For the sweep (C1): unfinished, but due at no time. Nearly always empty.
            models.Index(
                fields=["id"],
                condition=models.Q(
                    due_at__isnull=True, state__in=("requested", "awaiting_approval", "processing", "unknown")
                ),
                name="refund_forgotten",
            ),
        ]
        permissions = [
            ("request_refund", "Can refund payments"),
            ("approve_refund", "Can approve refunds of others"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def is_external(self) -> bool:
        """Whether it was made at the gateway's own dashboard, and only imported here."""
        return self.origin == Origin.GATEWAY

    @edge(REFUND, state, RefundState.PROCESSING)
    def process(self, *, at: datetime | None) -> None:
        """It is under way: its next call is due `at`."""
        self.due_at = at

    @edge(REFUND, state, RefundState.UNKNOWN)
    def lose(self) -> None:
        """Nobody knows whether the gateway made it."""

    @edge(REFUND, state, RefundState.SUCCEEDED)
    def succeed(self, *, now: datetime) -> None:
        """The gateway gave the money back."""
        self._close(now)
        self.error_code = ""

    @edge(REFUND, state, RefundState.FAILED)
    def fail(self, *, code: str, now: datetime) -> None:
        """The customer did not get the money, or it came back: its reserve is released."""
        self.error_code = code[:64]
        self._close(now)

    @edge(REFUND, state, RefundState.REJECTED)
    def reject(self, *, code: str, now: datetime) -> None:
        """Called off before anything was sent."""
        self.error_code = code[:64]
        self._close(now)

    def _close(self, now: datetime) -> None:
        self.due_at = self.claimed_until = None
        self.finished_at = now
