"""Lists for the tests of bulk refunds, and what became of their rows."""

from payments.audit import Because
from refunds.models import BulkRefund
from refunds.services.bulk import acts
from refunds.services.bulk.check import Listed, check
from refunds.services.bulk.lines import read
from tests.refunds.conftest import NO_LIMIT

ANNA = Because("operator:anna", "console:bulk")
BERT = Because("operator:bert", "console:bulk")


def checked(*lines: str, key: str = "") -> BulkRefund:
    """Return the dry run of a list that Anna has brought."""
    return check(Listed("list.csv", "customer_request", "after the outage", read("\n".join(lines)), key), ANNA)


def started(*lines: str) -> BulkRefund:
    """Return a list that runs, by somebody whose limit is far away."""
    bulk = checked(*lines)
    return acts.start(bulk.pk, ANNA, seen=bulk.parameters_hash, limits=NO_LIMIT)


def now(bulk: BulkRefund) -> BulkRefund:
    return BulkRefund.objects.get(pk=bulk.pk)


def states(bulk: BulkRefund) -> list[str]:
    """Return the states of the rows, in their order."""
    return list(bulk.rows.order_by("number").values_list("state", flat=True))


def messages(bulk: BulkRefund) -> list[str]:
    return list(bulk.rows.order_by("number").values_list("message", flat=True))
