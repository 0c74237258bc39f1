"""A bulk refund: a list of payments that are refunded one by one, each row with its own result."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from payments.ids import new_id
from payments.models import Payment
from payments.models.base import PublicIdField, StateModel, edge
from refunds.models.refund import Reason, Refund
from refunds.states import BULK, BulkState, RowState


def new_bulk_id() -> str:
    return new_id("blk")


class BulkRefund(StateModel):
    """One list. Made by a dry run, which checks every row and moves nothing; then started, approved where that is
    needed, and worked off row by row, past rows that fail; it can be stopped and resumed.

    parameters_hash: of all rows as they were checked; a start and an approval are bound to it. due_at, claimed_until,
    fence: as those of a payment.
    """

    id = PublicIdField(primary_key=True, default=new_bulk_id)
    name = models.CharField(max_length=100, help_text="Of the file, or what the list is for.")
    reason = models.CharField(max_length=40, choices=Reason.choices)
    note = models.CharField(max_length=500, blank=True)
    state = FSMField(default=BulkState.CHECKED, choices=BulkState.choices, protected=True, db_index=False)
    requested_by = models.CharField(max_length=64)
    parameters_hash = models.CharField(max_length=64)
    needs_approval = models.BooleanField(default=False)
    approved_by = models.CharField(max_length=64, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=500, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(needs_approval=False)
                | ~models.Q(state__in=("running", "stopped", "done"))
                | (~models.Q(approved_by="") & ~models.Q(approved_by=models.F("requested_by"))),
                name="nobody_approves_their_own_bulk_refund",
            ),
        ]
        indexes = [models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="bulk_refund_due")]

    def __str__(self) -> str:
        return self.name or self.id

    @edge(BULK, state, BulkState.AWAITING_APPROVAL)
    def await_approval(self, *, lapses_at: datetime) -> None:
        self.due_at = lapses_at

    @edge(BULK, state, BulkState.RUNNING)
    def start(self, *, now: datetime) -> None:
        self.started_at = self.started_at or now
        self.finished_at = None
        self.due_at = now

    @edge(BULK, state, BulkState.STOPPED)
    def stop(self) -> None:
        self.due_at = self.claimed_until = None

    @edge(BULK, state, BulkState.DONE)
    def finish(self, *, now: datetime) -> None:
        self.due_at = self.claimed_until = None
        self.finished_at = now

    @edge(BULK, state, BulkState.CANCELED)
    def cancel(self, *, now: datetime) -> None:
        self.due_at = self.claimed_until = None
        self.finished_at = now


class BulkRefundRow(models.Model):
    """One line of a bulk refund. given_payment, given_amount: as they stood in the list. amount: minor units, fixed by
    the dry run also where the list names none; None for a refused row. message: why it was refused or failed."""

    bulk = models.ForeignKey(BulkRefund, on_delete=models.PROTECT, related_name="rows", db_index=False)
    number = models.PositiveIntegerField()
    given_payment = models.CharField(max_length=100)
    given_amount = models.CharField(max_length=40, blank=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, blank=True, db_index=False)
    amount = models.BigIntegerField(null=True, blank=True, help_text="Minor units.")
    currency = models.CharField(max_length=3, blank=True)
    state = models.CharField(max_length=12, choices=RowState.choices, default=RowState.WAITING)
    message = models.CharField(max_length=300, blank=True)
    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="bulk_row")
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bulk", "number"], name="bulk_rows_are_numbered")]
        indexes = [
            models.Index(fields=["bulk", "number"], condition=models.Q(state="waiting"), name="bulk_row_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.bulk_id} row {self.number}"
