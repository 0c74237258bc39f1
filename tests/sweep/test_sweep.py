"""The truncation sweep, in part: every boundary, and a tenth of all other bytes (faults N05 to N09, N14)."""

import secrets

import pytest

from payments.gateways import http
from payments.gateways.base import Kind
from payments.gateways.errors import Failure
from tests.sweep.sweep import run

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_no_cut_reset_or_drip_charges_twice_or_is_taken_for_a_failure_or_a_success() -> None:
    result = run(seed=secrets.randbelow(1_000_000), share=1 / 10)
    assert result.violations == [], f"seed {result.seed}"
    assert result.replies_cut > 1000
    assert result.resets > 500
    assert result.requests_cut > 50
    assert result.drips == 32
    assert result.virtual_seconds <= 15 * 60


def test_a_product_that_takes_a_lost_answer_for_a_request_not_sent_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "classify", lambda *_args, **_named: Failure(Kind.NOT_SENT, "refused", ""))
    violations = run(seed=1, share=0.0).violations
    assert any("charged 2 times, not 1" in violation for violation in violations)
    assert any("was held for not charged" in violation for violation in violations)
