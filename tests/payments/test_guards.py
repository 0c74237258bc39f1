"""The database refuses what the tables of states.py do not allow, whoever asks (requirement A11)."""

import itertools

import pytest
from django.db import IntegrityError, connection, transaction

from payments.gateways.base import Kind
from payments.guards import PAYMENT_GUARDS, StateGuard
from payments.models import Attempt, AuditEntry, Client, LedgerPosting, Payment
from payments.standing import install, uninstall
from payments.states import ATTEMPT, PAYMENT, AttemptState, PaymentStatus
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db


def force(table: str, column: str, row_id: str, state: str) -> None:
    """Put a row into `state` behind the guards' back, to have a place to start from."""
    uninstall(connection, PAYMENT_GUARDS)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [state, row_id])
    install(connection, PAYMENT_GUARDS)


@pytest.mark.parametrize(("before", "after_"), list(itertools.permutations(PaymentStatus.values, 2)))
def test_a_payment_takes_exactly_the_edges_of_the_table(shop: Client, before: str, after_: str) -> None:
    payment = accepted(shop)
    force("payments_payment", "status", payment.pk, before)
    if PAYMENT.allows(before, after_):
        assert Payment.objects.filter(pk=payment.pk).update(status=after_) == 1
        return
    with pytest.raises(IntegrityError, match="no such transition"), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(status=after_)
    assert Payment.objects.get(pk=payment.pk).status == before


@pytest.mark.parametrize(("before", "after_"), list(itertools.permutations(AttemptState.values, 2)))
def test_an_attempt_takes_exactly_the_edges_of_the_table(shop: Client, before: str, after_: str) -> None:
    attempt = sent(shop)
    force("payments_attempt", "state", attempt.pk, before)
    if ATTEMPT.allows(before, after_):
        assert Attempt.objects.filter(pk=attempt.pk).update(state=after_) == 1
        return
    with pytest.raises(IntegrityError, match="no such transition"), transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk).update(state=after_)
    assert Attempt.objects.get(pk=attempt.pk).state == before


@pytest.mark.parametrize("status", [status for status in PaymentStatus.values if status not in PAYMENT.births])
def test_no_payment_is_born_in_another_state(shop: Client, status: str) -> None:
    payment = accepted(shop)
    twin = Payment(id="pay_twin", **{name: getattr(payment, name) for name in ("client_id", "order_id", "amount")})
    twin.__dict__["status"] = status
    twin.currency, twin.expires_at = payment.currency, payment.expires_at
    with pytest.raises(IntegrityError, match="may not be born"), transaction.atomic():
        twin.save(force_insert=True)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("state", [state for state in AttemptState.values if state not in ATTEMPT.births])
def test_no_attempt_is_born_in_another_state(shop: Client, state: str) -> None:
    payment = accepted(shop)
    born = Attempt(
        payment=payment,
        number=1,
        gateway="primary",
        gateway_key="k",
        amount=1,
        currency="USD",
        token="t",
        state=state,
    )
    with pytest.raises(IntegrityError, match="may not be born"), transaction.atomic():
        born.save(force_insert=True)
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("change", [{"amount": 1}, {"currency": "EUR"}, {"client_id": 999}, {"order_id": "ord_x"}])
def test_what_a_payment_is_for_never_changes(shop: Client, change: dict[str, object]) -> None:
    payment = accepted(shop)
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(**change)
    kept = Payment.objects.get(pk=payment.pk)
    assert (kept.amount, kept.currency, kept.client_id, kept.order_id) == (1250, "USD", shop.pk, payment.order_id)


@pytest.mark.parametrize(
    "change", [{"amount": 1}, {"currency": "EUR"}, {"token": "x"}, {"gateway": "secondary"}, {"gateway_key": "other"}]
)
def test_what_an_attempt_sent_never_changes(shop: Client, change: dict[str, object]) -> None:
    attempt = sent(shop)
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk).update(**change)
    kept = Attempt.objects.get(pk=attempt.pk)
    assert (kept.amount, kept.gateway, kept.gateway_key) == (1250, "primary", attempt.gateway_key)


@pytest.mark.parametrize("model", [Attempt, Payment])
def test_payments_and_attempts_are_never_deleted(shop: Client, model: type[Attempt] | type[Payment]) -> None:
    """Without its row an attempt that may have happened would no longer block the next one."""
    attempt = sent(shop)
    with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table}")
    assert Attempt.objects.get().pk == attempt.pk


def test_the_audit_trail_takes_no_change_and_no_deletion(shop: Client) -> None:
    accepted(shop)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEntry.objects.update(actor="nobody")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        AuditEntry.objects.all().delete()
    assert AuditEntry.objects.get().actor == "worker:test"


def test_the_books_take_no_change_and_no_deletion(shop: Client) -> None:
    after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerPosting.objects.update(amount=1)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerPosting.objects.all().delete()
    assert LedgerPosting.objects.get().amount == 1250


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
@pytest.mark.parametrize("table", ["payments_auditentry", "payments_ledgerposting"])
def test_append_only_tables_cannot_be_truncated(table: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")


def test_every_state_column_of_payments_is_guarded() -> None:
    guarded = {(guard.table, guard.column) for guard in PAYMENT_GUARDS if isinstance(guard, StateGuard)}
    assert guarded == {
        ("payments_payment", "status"),
        ("payments_attempt", "state"),
        ("payments_surpluscharge", "state"),
    }
