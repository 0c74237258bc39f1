"""How much of something all processes together may do, as a row that every one of them draws from."""

from django.db import models
from django.db.models.functions import Now


class Allowance(models.Model):
    """A bucket of units that fills over time; payments/reliability/budget.py says what a unit is worth."""

    name = models.CharField(max_length=32, primary_key=True)
    units = models.BigIntegerField()
    filled_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
