"""The one way out (invariants 26, 27); services/test_settle.py tests it with a real gateway."""

import pytest
from django.db import transaction

from payments.reliability import calls
from payments.reliability.gateways import gateway_named


@pytest.mark.django_db(transaction=True)
def test_an_open_transaction_stops_a_call() -> None:
    calls.require_no_transaction()
    with transaction.atomic(), pytest.raises(calls.OpenTransactionError):
        calls.require_no_transaction()


def test_a_gateway_that_is_not_configured_is_named_in_the_error() -> None:
    with pytest.raises(LookupError, match="'tertiary'"):
        gateway_named("tertiary")


def test_a_gateway_is_built_once_per_process() -> None:
    assert gateway_named("primary") is gateway_named("primary")
