"""A small storm over the whole site (requirements A9, A13, B2 to B4, C1 to C4, D3, E1)."""

from pathlib import Path

import pytest

from tests.storm.plan import draw
from tests.storm.run import LEASE, run
from tests.support.databases import fresh_database


def test_a_seed_always_draws_the_same_plan() -> None:
    assert draw(7, 50, 30.0, pause_beyond=LEASE) == draw(7, 50, 30.0, pause_beyond=LEASE)
    assert draw(7, 50, 30.0, pause_beyond=LEASE) != draw(8, 50, 30.0, pause_beyond=LEASE)


# A seed with every kind of trouble: customers who call off at the bank, a gateway too busy for a card, and blows at the
# web server, the loops, the gateway and the inbox of the shop, which also refuses for a while.
SEED = 39


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_small_storm_charges_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as environment:
        result = run(SEED, 60, 10.0, environment["DATABASE_URL"], tmp_path, faults_times=4.0)
    assert result.violations == []
    assert (result.unfinished, result.unanswered) == ([], [])
    assert result.virtual_seconds <= 15 * 60
    # It was a storm: otherwise all of this would say nothing.
    assert result.accepted >= 60
    assert result.sigkills >= 4, result.kills
    assert sum(result.fired.values()) >= 5, result.fired
    assert result.kills["web_worker"] >= 1, result.kills
    # Gateways told of it, some of it again when all was over, and the shop was told.
    assert result.webhooks >= 5
    assert result.webhook_duplicates >= 5
    assert result.delivery_tries >= result.delivered >= result.accepted
    assert result.kills["inbox"] >= 1, result.kills
    # Money went back: as asked for, once, and by people at the gateway itself.
    # How often beyond the first two depends on how many payments survive; every fault of refunds has its own tests.
    assert result.refund_replies["202"] >= 2
    assert sum(result.refunds.get(state, 0) for state in ("succeeded", "failed")) >= 2, result.refunds
    assert sum(result.outside.values()) >= 1, result.outside
    assert result.kills["inbox_refuses"] == 1
