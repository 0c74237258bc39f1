"""Bounds statistics: of a busy day only the newest rows are read, and the page says so."""

from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from payments.ids import floor_id

CAP: Final = 100_000


def newest_since(rows: "QuerySet[Any]", prefix: str, since: datetime) -> tuple["QuerySet[Any]", bool]:
    """Return the rows made since `since`, by the time in their ids, and whether there are more than the CAP newest.

    Ids are time-ordered, so both bounds are found in the primary key.
    """
    recent = rows.filter(pk__gte=floor_id(prefix, since))
    edge = list(recent.order_by("-pk").values_list("pk", flat=True)[CAP : CAP + 1])
    return (rows.filter(pk__gt=edge[0]), True) if edge else (recent, False)
