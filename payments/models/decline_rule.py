"""The decline map: what a gateway's decline code means, as operators may change it (requirement B5)."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class DeclineRule(models.Model):
    """What `code` of `gateway` means; a rule with an empty gateway holds for all that have none of their own.

    A reason of fraud is never told: such a rule has no words for the customer. What is hard or fraud is never tried
    again by itself. Only declines are looked up here: no rule can say anything about an outcome that is unknown.
    """

    class Class(models.TextChoices):
        SOFT = "soft", "Soft"
        AUTHENTICATION = "authentication", "Authentication"
        HARD = "hard", "Hard"
        FRAUD = "fraud", "Fraud"
        PROCESSING = "processing", "Processing"

    gateway = models.CharField(max_length=32, blank=True, help_text="Empty: every gateway.")
    code = models.CharField(max_length=64)
    decline_class = models.CharField(max_length=16, choices=Class.choices, verbose_name="class")
    internal_message = models.CharField(max_length=200, help_text="What operators read.")
    customer_message = models.CharField(max_length=200, blank=True, help_text="What the customer reads.")
    retryable = models.BooleanField(default=False, help_text="The same card may work later.")
    needs_another_card = models.BooleanField(default=True)
    three_d_secure = models.BooleanField(
        default=False, verbose_name="3-D Secure", help_text="Confirmation by the bank may turn it into a success."
    )
    changed_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_by = models.CharField(max_length=64, editable=False, default="paysite")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gateway", "code"], name="one_rule_per_decline_code"),
            models.CheckConstraint(
                condition=~Q(decline_class__in=["hard", "fraud"]) | Q(retryable=False, three_d_secure=False),
                name="a_hard_decline_is_never_tried_again",
            ),
            models.CheckConstraint(
                condition=~Q(decline_class="fraud") | Q(customer_message=""), name="a_reason_of_fraud_is_never_told"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway}: {self.code}" if self.gateway else self.code


class DeclineRuleChange(models.Model):
    """One change of the decline map: append-only, so that what a decline meant at any time can be told."""

    gateway = models.CharField(max_length=32, blank=True)
    code = models.CharField(max_length=64)
    before = models.JSONField(null=True, help_text="Empty for a new rule.")
    after = models.JSONField(null=True, help_text="Empty for a rule that was removed.")
    operator = models.CharField(max_length=64)
    reason = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["code", "gateway"], name="decline_change_by_code")]

    def __str__(self) -> str:
        return f"{self.code} by {self.operator}"


class UnmappedDecline(models.Model):
    """A decline code that no rule names: it reads neutral, counts as hard, and waits for an operator to map it."""

    gateway = models.CharField(max_length=32)
    code = models.CharField(max_length=64)
    count = models.PositiveBigIntegerField(default=0)
    first_seen_at = models.DateTimeField(db_default=Now(), editable=False)
    last_seen_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gateway", "code"], name="unmapped_declines_are_counted_once")]

    def __str__(self) -> str:
        return f"{self.gateway}: {self.code}"
