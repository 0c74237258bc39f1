"""A payment: a row that knows what must happen to it next."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from payments import money
from payments.ids import new_payment_id
from payments.models.base import PublicIdField, StateModel, edge
from payments.models.client import Client
from payments.models.order import Order
from payments.states import CAPTURED, LIVE_OR_SUCCESSFUL, PAYMENT, UNFINISHED, PaymentStatus


class Payment(StateModel):
    """One payment of an order; amounts in minor units, times in UTC by the database's clock.

    due_at: when a worker must look at this payment next; empty when nothing is to be done. Claiming a payment pushes
    it into the future by the lease, so that the payment of a worker that died becomes due again by itself.
    claimed_until: the end of that lease; empty once what the worker heard was applied.
    queued_at: when the order was accepted although no gateway could charge it (level 4 of the ladder); while
    unfinished, it waits for a gateway and not for a try.
    version: 1, and one more than that of `retry_of` where it repeats one that had failed (requirement A7).
    fence: rises with every claim. Of a worker that no longer holds the current number only proof is believed.

    refund_reserved, refunded, disputed, charged_back: minor units of the capture that refunds have taken or may still
    take, that were given back, that open disputes hold, and that lost disputes took. The database keeps these four
    itself, by triggers on the rows of refunds and disputes (requirements D1, D5): nothing else may write them.
    """

    id = PublicIdField(primary_key=True, default=new_payment_id)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="payments", db_index=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    idempotency_key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    method_type = models.CharField(max_length=16, default="card")
    method_token = models.CharField(max_length=255, help_text="The gateway's token; never a card number.")
    metadata = models.JSONField(default=dict, blank=True)

    status = FSMField(default=PaymentStatus.PENDING, choices=PaymentStatus.choices, protected=True, db_index=False)
    outcome_unknown = models.BooleanField(default=False)
    review_reason = models.CharField(max_length=64, blank=True)
    gateway = models.CharField(max_length=32, blank=True)
    action_url = models.CharField(max_length=500, blank=True)
    error_code = models.CharField(max_length=64, blank=True, help_text="As operators see it.")
    error_at = models.DateTimeField(null=True, blank=True)
    retry_count = models.PositiveSmallIntegerField(default=0)
    max_retries = models.PositiveSmallIntegerField(default=3)
    level = models.PositiveSmallIntegerField(default=1, db_default=1, help_text="Of the ladder, the lowest reached.")
    level_reason = models.CharField(max_length=100, blank=True, default="", db_default="")
    retry_of = models.CharField(
        max_length=34, blank=True, default="", db_default="", help_text="The failed payment that this one repeats."
    )
    version = models.PositiveSmallIntegerField(default=1, db_default=1)

    events_written = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How many events shops were told about it; numbers the next one."
    )

    refund_reserved = models.BigIntegerField(default=0, db_default=0, editable=False)
    refunded = models.BigIntegerField(default=0, db_default=0, editable=False)
    disputed = models.BigIntegerField(default=0, db_default=0, editable=False)
    charged_back = models.BigIntegerField(default=0, db_default=0, editable=False)

    due_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    processed_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=models.Q(status__in=LIVE_OR_SUCCESSFUL),
                name="one_live_or_successful_payment_per_order",
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payment_amount_positive"),
            # The last word on refunds, whatever the code forgets and whoever runs at the same time (D1, invariant 5).
            models.CheckConstraint(
                condition=models.Q(
                    refunded__gte=0, refunded__lte=models.F("refund_reserved"), refund_reserved__lte=models.F("amount")
                ),
                name="refunds_stay_within_the_capture",
            ),
            models.CheckConstraint(
                condition=models.Q(refund_reserved=0) | models.Q(status__in=CAPTURED),
                name="only_captured_money_is_refunded",
            ),
            models.CheckConstraint(
                condition=models.Q(disputed__gte=0, charged_back__gte=0), name="disputed_money_is_not_negative"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="payment_due"),
            models.Index(fields=["client", "id"], name="payment_of_client"),
            # The console's work queues (G4): few rows at any time, so that they cost the payment path next to nothing.
            models.Index(fields=["id"], condition=models.Q(outcome_unknown=True), name="payment_outcome_unknown"),
            models.Index(fields=["id"], condition=models.Q(status="review"), name="payment_in_review"),
            models.Index(fields=["processed_at"], condition=models.Q(status="failed"), name="payment_failed"),
            models.Index(fields=["level", "id"], condition=models.Q(level__gt=1), name="payment_below_level_1"),
            models.Index(fields=["retry_of"], condition=~models.Q(retry_of=""), name="payment_retry_of"),
            models.Index(
                fields=["queued_at"],
                condition=models.Q(queued_at__isnull=False, status="retrying"),
                name="payment_queued",
            ),
            # For the sweep (C1): what is unfinished but due at no time. Nearly always empty.
            models.Index(
                fields=["id"], condition=models.Q(due_at__isnull=True, status__in=UNFINISHED), name="payment_forgotten"
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def money(self) -> money.Money:
        return money.Money(self.amount, self.currency)

    @edge(PAYMENT, status, PaymentStatus.PROCESSING)
    def process(self, *, gateway: str) -> None:
        """An attempt is about to be sent to `gateway`."""
        self.gateway = gateway
        self.outcome_unknown = False
        self.action_url = ""

    @edge(PAYMENT, status, PaymentStatus.REQUIRES_ACTION)
    def require_action(self, *, url: str, look_at: datetime) -> None:
        """The customer must confirm at `url`; ask the gateway again at `look_at` in case nobody tells us."""
        self.action_url = url
        self.outcome_unknown = False
        self.due_at = look_at

    @edge(PAYMENT, status, PaymentStatus.RETRYING)
    def retry(self, *, code: str, at: datetime, now: datetime) -> None:
        """Nothing was charged; try again at `at`."""
        self._note(code, now)
        self.retry_count += 1
        self.due_at = at

    @edge(PAYMENT, status, PaymentStatus.RETRYING)
    def queue(self, *, at: datetime, now: datetime) -> None:
        """Accept the order now and charge it later, first at `at` (level 4): it waits for a gateway, not for a try."""
        self.queued_at = self.queued_at or now
        self.due_at = at

    @edge(PAYMENT, status, PaymentStatus.REVIEW)
    def review(self, *, reason: str, due_at: datetime | None) -> None:
        """A person must decide; `due_at` is the next look-up where the machine goes on asking meanwhile."""
        self.review_reason = reason
        self.due_at = due_at

    @edge(PAYMENT, status, PaymentStatus.SUCCESS)
    def succeed(self, *, now: datetime) -> None:
        """The gateway captured the money."""
        self._close(now)
        self.error_code = ""
        self.error_at = None

    @edge(PAYMENT, status, PaymentStatus.FAILED)
    def fail(self, *, code: str, now: datetime) -> None:
        """Definitively not charged, and nothing is tried again by itself."""
        self._note(code, now)
        self._close(now)

    @edge(PAYMENT, status, PaymentStatus.EXPIRED)
    def expire(self, *, now: datetime) -> None:
        """Never paid; nothing was or can still be charged."""
        self._close(now)

    @edge(PAYMENT, status, PaymentStatus.CANCELED)
    def cancel(self, *, now: datetime) -> None:
        """Called off before anything was charged."""
        self._close(now)

    def descend(self, level: int, why: str) -> None:
        """Note the lowest level of the ladder that was reached, and why."""
        if level > self.level:
            self.level, self.level_reason = level, why[:100]

    def wait(self, *, at: datetime) -> None:
        """Nothing was tried: look again at `at`. Counts as no try."""
        self.due_at = at

    def _note(self, code: str, now: datetime) -> None:
        self.error_code = code
        self.error_at = now

    def _close(self, now: datetime) -> None:
        self.outcome_unknown = False
        self.review_reason = ""
        self.action_url = ""
        self.due_at = self.claimed_until = None
        self.processed_at = now
