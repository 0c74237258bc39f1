"""Reads the evidence once and asks every invariant about it."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from tests.invariants import answers, append_only, arrived, books, charges, disputes, keys, refunds, rest, told, trail
from tests.invariants.evidence import Evidence, Violation
from tests.invariants.read_database import read_database
from tests.invariants.read_gateways import read_gateways
from tests.invariants.read_histories import read_histories
from tests.invariants.read_inboxes import read_inboxes
from tests.invariants.world import World

Invariant = Callable[[World], Iterable[Violation]]

# Seconds from the making of an extra charge until its return must be decided (invariant 2).
GRACE: Final = 60.0
# S: true at every instant, so that a sample in the middle of everything must pass.
ALWAYS: Final[tuple[Invariant, ...]] = (
    charges.extra_captures_are_noted,
    charges.successes_are_in_the_ledger,
    books.postings_tell_what_happened,
    books.amounts_are_amounts,
    trail.rows_are_what_the_trail_says,
    trail.entries_say_who_and_why,
    keys.one_payment_per_key_and_order,
    keys.one_payload_per_gateway_key,
    keys.requests_were_written_down_first,
    keys.one_payload_per_refund_key,
    keys.refund_requests_were_written_down_first,
    refunds.refunds_stay_within_the_capture,
    refunds.refunded_money_is_in_the_ledger,
    refunds.one_refund_per_key,
    refunds.refunds_are_somebodys_and_approved,
    answers.repeats_get_the_first_answer,
    answers.another_request_under_a_key_is_refused,
    answers.errors_are_told_properly,
    told.every_transition_is_told_once,
    told.events_say_what_they_are,
    told.payments_are_published_in_order,
    arrived.what_arrives_is_what_was_told,
    told.nobody_reads_of_money_that_was_not_taken,
    told.each_refund_is_told_once,
)
# L: true once faults are healed, the clock is past every schedule, and nothing is due.
AT_REST: Final[tuple[Invariant, ...]] = (
    charges.one_net_capture_per_order,
    charges.captures_are_ours,
    charges.unpaid_payments_took_nothing,
    charges.paid_payments_took_their_amount,
    books.books_agree_with_the_gateways,
    rest.nothing_is_unfinished,
    refunds.gateways_refund_no_more_than_they_took,
    refunds.gateways_refunds_are_ours,
    refunds.refunds_are_finished,
    disputes.disputes_are_as_at_the_gateway,
    disputes.nothing_is_lost_twice_unseen,
    answers.accepted_payments_exist,
    answers.refused_requests_did_nothing,
    told.everything_is_delivered,
    told.gateways_events_are_dealt_with,
    arrived.what_is_delivered_has_arrived,
)


def check(evidence: Evidence, *, quiet: bool, grace: float = GRACE) -> list[Violation]:
    """Return every violation, by number and subject; `quiet` adds what must be true only at rest.

    grace: seconds for which an extra charge may go unnoticed; none when quiet. Raises ValueError where the ledger of
    a gateway that was used is missing, and the driver's errors where evidence cannot be read.
    """
    world = read(evidence, grace=0.0 if quiet else grace)
    found = {violation for invariant in ALWAYS for violation in invariant(world)}
    found |= set(append_only.records_cannot_be_changed(evidence.database_url, truncate=quiet))
    if quiet:
        found |= {violation for invariant in AT_REST for violation in invariant(world)}
    return sorted(found)


def read(evidence: Evidence, *, grace: float) -> World:
    """Read our database first: what it says happened must be in the ledgers that are read afterwards."""
    read_at = time.time()
    rows = read_database(evidence.database_url)
    missing = (
        {one.gateway for one in rows.attempts} | {one.gateway for one in rows.refunds}
    ) - evidence.gateways.keys()
    if missing:
        raise ValueError(f"There is no ledger of: {', '.join(sorted(missing))}.")
    return World(
        rows,
        read_gateways(evidence.gateways),
        read_histories(evidence.histories),
        read_inboxes(evidence.inboxes),
        read_at,
        grace,
    )
