"""A charge that a gateway made and that no payment may keep: it is given back by itself (requirement C4)."""

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django_fsm import FSMField

from payments.ids import new_surplus_id
from payments.models.attempt import Attempt
from payments.models.base import PublicIdField, StateModel, edge
from payments.models.payment import Payment
from payments.states import SURPLUS, SurplusState


class SurplusCharge(StateModel):
    """One such charge; amount in minor units, times in UTC by the database's clock.

    attempt: under whose key the gateway made it. due_at, claimed_until, fence: as those of a payment. tries: how
    often the gateway was told to give it back, counted before it is told; that can be repeated without harm. taken:
    False for one that waited for the customer when it was found, and is voided before it takes any money.
    """

    class Reason(models.TextChoices):
        DUPLICATE_CHARGE = "duplicate_charge", "Charged twice"
        LATE_SUCCESS = "late_success", "Charged too late"

    id = PublicIdField(primary_key=True, default=new_surplus_id)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="surplus_charges")
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="surplus_charges", db_index=False)
    gateway = models.CharField(max_length=32)
    gateway_reference = models.CharField(max_length=100)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=24, choices=Reason.choices)
    taken = models.BooleanField(default=True)

    state = FSMField(default=SurplusState.OWED, choices=SurplusState.choices, protected=True, db_index=False)
    message = models.CharField(max_length=500, blank=True, help_text="The gateway's words, for operators only.")
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    found_at = models.DateTimeField(db_default=Now(), editable=False)
    returned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Seen again by look-up, list or webhook, it is still the same charge.
            models.UniqueConstraint(fields=["gateway", "gateway_reference"], name="a_surplus_charge_is_found_once"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="surplus_amount_positive"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="surplus_due"),
            models.Index(fields=["id"], condition=~models.Q(state="returned"), name="surplus_not_returned"),
        ]

    def __str__(self) -> str:
        return self.gateway_reference

    @edge(SURPLUS, state, SurplusState.RETURNED)
    def give_back(self, *, now: datetime) -> None:
        """The gateway confirmed that the customer has the money again."""
        self.due_at = self.claimed_until = None
        self.returned_at = now

    @edge(SURPLUS, state, SurplusState.REFUSED)
    def refuse(self) -> None:
        """The gateway does not give it back: a person must see to it."""
        self.due_at = self.claimed_until = None
