"""Circuit breakers as rows, so that all processes of all nodes share them and restarts keep them (requirement B6)."""

from django.db import models
from django.db.models.functions import Now


class Circuit(models.Model):
    """The breaker of one kind of operation at one gateway. Written only by payments/reliability/breaker.py.

    failures: in a row, while closed. epoch: rises whenever the circuit opens or begins a round of trials, so that the
    answer of a call from before says nothing about the present round. opened_at; try_at: when the first trial call may
    leave. trials, trials_passed: given away, and come back well, in this round; trials_until: when a round whose calls
    never came back is given up. held: an operator keeps it open or closed by hand; why, changed_by: the reason of the
    last change and who made it.
    """

    class Operation(models.TextChoices):
        CHARGE = "charge", "Charges"
        LOOK_UP = "look_up", "Look-ups"
        REFUND = "refund", "Refunds"
        LIST = "list", "Lists"

    class State(models.TextChoices):
        CLOSED = "closed", "Closed"
        OPEN = "open", "Open"
        HALF_OPEN = "half_open", "Half-open"

    gateway = models.CharField(max_length=32)
    operation = models.CharField(max_length=16, choices=Operation.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    try_at = models.DateTimeField(null=True, blank=True)
    trials = models.PositiveSmallIntegerField(default=0)
    trials_passed = models.PositiveSmallIntegerField(default=0)
    trials_until = models.DateTimeField(null=True, blank=True)
    held = models.CharField(max_length=16, blank=True, choices=[("open", "Open"), ("closed", "Closed")])
    why = models.CharField(max_length=200, blank=True)
    changed_by = models.CharField(max_length=64, default="paysite")
    changed_at = models.DateTimeField(db_default=Now())
    failed_at = models.DateTimeField(null=True, blank=True)
    failed_because = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "operation"], name="one_circuit_per_operation")]

    def __str__(self) -> str:
        return f"{self.gateway} {self.operation}"


class CircuitChange(models.Model):
    """One change of a circuit: append-only."""

    gateway = models.CharField(max_length=32)
    operation = models.CharField(max_length=16)
    before = models.CharField(max_length=32)
    after = models.CharField(max_length=32)
    why = models.CharField(max_length=200)
    changed_by = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.gateway} {self.operation}: {self.before} to {self.after}"


class GatewayHealth(models.Model):
    """What a gateway's own health call said last; called when nothing else tells (requirement B9)."""

    gateway = models.CharField(max_length=32, primary_key=True)
    due_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True)
    healthy = models.BooleanField(null=True)
    since = models.DateTimeField(null=True, blank=True, help_text="Since when it has been so.")
    in_a_row = models.PositiveIntegerField(default=0, help_text="Equal answers in a row.")

    class Meta:
        verbose_name_plural = "gateway healths"

    def __str__(self) -> str:
        return self.gateway
