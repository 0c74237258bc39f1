"""The rules of a breaker as pure functions: every edge of the state machine (requirement B6)."""

from datetime import UTC, datetime, timedelta

import pytest

from payments.models import Circuit
from payments.reliability.circuit_rules import (
    HEALTH,
    HEALTH_CHECK,
    PAYSITE,
    Limits,
    Pass,
    Report,
    hear,
    hear_health,
    hold,
    offers_trial,
    release,
    take_trial,
)

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMITS = Limits(failures=5, seconds=30, trials=3)
LEASE = timedelta(seconds=60)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def circuit(**fields: object) -> Circuit:
    return Circuit(gateway="primary", operation="charge", changed_at=T0, **fields)


def report(row: Circuit, *, failed: bool = True, failures: int = 0, trial: bool = False, **more: object) -> Report:
    granted = Pass("primary", "charge", row.epoch, trial, failures)
    return Report(granted, failed, "read_timeout" if failed else "", **more)  # type: ignore[arg-type]


def opened(at: float = 0) -> Circuit:
    row = circuit()
    for _ in range(5):
        hear(row, report(row), after(at), LIMITS)
    return row


def half_open() -> Circuit:
    row = opened()
    for _ in range(3):
        take_trial(row, after(30), LEASE, LIMITS)
    return row


def test_four_failures_leave_it_closed_and_the_fifth_opens_it_for_thirty_seconds() -> None:
    row = circuit()
    assert [hear(row, report(row), T0, LIMITS) for _ in range(4)] == [None] * 4
    assert (row.state, row.failures, row.epoch) == ("closed", 4, 0)
    change = hear(row, report(row), T0, LIMITS)
    assert change is not None
    assert (change.before, change.after, change.changed_by) == ("closed", "open", PAYSITE)
    assert change.why == "5 failures in a row: read_timeout"
    assert (row.state, row.epoch, row.opened_at, row.try_at) == ("open", 1, T0, after(30))
    assert (row.failed_at, row.failed_because) == (T0, "read_timeout")


def test_a_good_call_begun_after_the_first_failure_starts_the_count_anew() -> None:
    row = circuit(failures=4, failed_at=T0)
    assert hear(row, report(row, failed=False, failures=1), T0, LIMITS) is None
    assert row.failures == 0


def test_a_good_call_begun_before_the_first_failure_says_nothing() -> None:
    row = circuit(failures=4, failed_at=T0)
    hear(row, report(row, failed=False, failures=0), T0, LIMITS)
    assert row.failures == 4


def test_a_good_call_begun_in_an_earlier_run_of_failures_says_nothing() -> None:
    row = circuit(failures=2, failed_at=T0)
    hear(row, report(row, failed=False, failures=3), T0, LIMITS)
    assert row.failures == 2


def test_a_failure_at_most_sixty_seconds_old_counts_and_an_older_one_does_not() -> None:
    row = circuit(failures=4, failed_at=T0)
    hear(row, report(row), after(60), LIMITS)
    assert (row.state, row.failures) == ("open", 5)
    row = circuit(failures=4, failed_at=T0)
    hear(row, report(row), after(60.001), LIMITS)
    assert (row.state, row.failures) == ("closed", 1)


def test_refused_credentials_open_it_at_once() -> None:
    row = circuit()
    change = hear(row, report(row, at_once=True), T0, LIMITS)
    assert change is not None
    assert (row.state, row.failures, change.why) == ("open", 1, "failed: read_timeout")


def test_a_call_that_never_left_changes_nothing() -> None:
    row = circuit(failures=4, failed_at=T0)
    hear(row, report(row, failed=False, failures=4, unsent=True), T0, LIMITS)
    assert row.failures == 4


@pytest.mark.parametrize(("seconds", "offered"), [(29.999, False), (30, True), (3600, True)])
def test_an_open_circuit_offers_a_trial_after_its_time(seconds: float, offered: bool) -> None:
    assert offers_trial(opened(), after(seconds), LIMITS) is offered


def test_the_first_trial_begins_a_round_and_after_the_third_none_is_left() -> None:
    row = opened()
    change = take_trial(row, after(30), LEASE, LIMITS)
    assert change is not None
    assert (change.before, change.after) == ("open", "half_open")
    assert (row.state, row.epoch, row.trials, row.trials_until) == ("half_open", 2, 1, after(90))
    assert [take_trial(row, after(31), LEASE, LIMITS) for _ in range(2)] == [None, None]
    assert (row.epoch, row.trials, row.trials_until) == (2, 3, after(91))
    assert not offers_trial(row, after(31), LIMITS)


def test_three_good_trials_close_it_and_two_do_not() -> None:
    row = half_open()
    for _ in range(2):
        assert hear(row, report(row, failed=False, trial=True, failures=5), after(31), LIMITS) is None
        assert row.state == "half_open"
    change = hear(row, report(row, failed=False, trial=True, failures=5), after(32), LIMITS)
    assert change is not None
    assert (change.before, change.after, change.why) == ("half_open", "closed", "3 trial calls came back well")
    assert (row.state, row.failures, row.opened_at, row.try_at, row.trials) == ("closed", 0, None, None, 0)


def test_one_failing_trial_opens_it_again_and_the_others_of_its_round_say_nothing() -> None:
    row = half_open()
    good = report(row, failed=False, trial=True)
    hear(row, good, after(31), LIMITS)
    change = hear(row, report(row, trial=True), after(32), LIMITS)
    assert change is not None
    assert (change.before, change.after) == ("half_open", "open")
    assert (row.state, row.epoch, row.opened_at, row.try_at) == ("open", 3, T0, after(62))
    for _ in range(3):
        assert hear(row, good, after(33), LIMITS) is None
    assert (row.state, row.trials_passed) == ("open", 0)


def test_a_call_from_before_the_opening_says_nothing_about_a_round_of_trials() -> None:
    row = half_open()
    early = Report(Pass("primary", "charge", 0, trial=False, failures=0), failed=True, reason="read_timeout")
    assert hear(row, early, after(31), LIMITS) is None
    assert (row.state, row.trials, row.trials_passed) == ("half_open", 3, 0)


def test_an_unsent_trial_gives_its_place_back() -> None:
    row = half_open()
    hear(row, report(row, failed=False, trial=True, unsent=True), after(31), LIMITS)
    assert (row.state, row.trials, row.trials_passed) == ("half_open", 2, 0)
    assert offers_trial(row, after(31), LIMITS)


def test_trials_that_never_come_back_are_given_up_after_their_lease() -> None:
    row = half_open()
    late = report(row, failed=False, trial=True)
    assert not offers_trial(row, after(89.999), LIMITS)
    assert offers_trial(row, after(90), LIMITS)
    change = take_trial(row, after(90), LEASE, LIMITS)
    assert change is not None
    assert (change.before, change.after, change.why) == ("half_open", "half_open", "trial calls never came back")
    assert (row.epoch, row.trials, row.trials_passed) == (3, 1, 0)
    hear(row, late, after(91), LIMITS)
    assert row.trials_passed == 0


def test_a_round_goes_on_however_slowly_while_no_answer_is_missing() -> None:
    row = opened()
    for number in range(3):
        take_trial(row, after(30 + 600 * number), LEASE, LIMITS)
        hear(row, report(row, failed=False, trial=True), after(31 + 600 * number), LIMITS)
    assert (row.state, row.epoch) == ("closed", 2)


def test_a_lowered_number_of_trials_leaves_no_circuit_stuck() -> None:
    row = circuit(state="half_open", trials=2, trials_passed=2, trials_until=after(0), epoch=2)
    fewer = Limits(failures=5, seconds=30, trials=2)
    assert offers_trial(row, after(1), fewer)
    take_trial(row, after(1), LEASE, fewer)
    assert (row.epoch, row.trials) == (3, 1)


def health(row: Circuit, *, failed: bool) -> Report:
    granted = Pass("primary", "charge", row.epoch, trial=False, failures=row.failures)
    return Report(granted, failed, HEALTH_CHECK, health=True)


def test_health_checks_alone_open_it_and_close_it_again() -> None:
    row = circuit()
    for number in range(5):
        hear(row, health(row, failed=True), after(10 * number), LIMITS)
    assert (row.state, row.changed_by, row.failed_because) == ("open", HEALTH, HEALTH_CHECK)
    change = hear_health(row, after(80))
    assert change is not None
    assert (row.state, row.failures, change.changed_by) == ("closed", 0, HEALTH)


def test_a_good_health_check_ends_a_run_of_bad_ones_only() -> None:
    row = circuit()
    for _ in range(4):
        hear(row, health(row, failed=True), T0, LIMITS)
    hear(row, health(row, failed=False), T0, LIMITS)
    assert row.failures == 0
    for failed in (False, True):
        row = circuit(failures=1, failed_at=T0, failed_because="read_timeout")
        hear(row, health(row, failed=failed), T0, LIMITS)
        hear(row, health(row, failed=False), T0, LIMITS)
        assert (row.failures, row.failed_because) == (1 + failed, "read_timeout")


def test_health_does_not_close_what_a_real_call_opened_or_kept_open() -> None:
    assert hear_health(opened(), after(60)) is None
    row = circuit(state="open", epoch=1, try_at=T0, failed_because=HEALTH_CHECK, failures=5)
    take_trial(row, T0, LEASE, LIMITS)
    hear(row, report(row, trial=True), after(1), LIMITS)
    assert hear_health(row, after(60)) is None
    assert row.state == "open"


def test_a_mixed_run_counts_as_one_of_real_calls() -> None:
    row = circuit()
    hear(row, report(row), T0, LIMITS)
    for _ in range(4):
        hear(row, health(row, failed=True), T0, LIMITS)
    assert (row.state, row.changed_by, row.failed_because) == ("open", PAYSITE, "read_timeout")


def test_held_open_offers_no_trial_ever_and_after_its_release_at_once() -> None:
    row = circuit()
    change = hold(row, "open", "gateway's maintenance", "operator:anna", T0)
    assert (change.before, change.after, change.why) == ("closed", "held open", "gateway's maintenance")
    assert not offers_trial(row, after(86400), LIMITS)
    change = release(row, "done", "operator:anna", after(60))
    assert (change.before, change.after, change.changed_by) == ("held open", "open", "operator:anna")
    assert offers_trial(row, after(60), LIMITS)


def test_held_closed_counts_nothing_and_is_closed_after_its_release() -> None:
    row = opened()
    change = hold(row, "closed", "they say it works", "operator:anna", T0)
    assert (change.before, change.after, row.state) == ("open", "held closed", "closed")
    under_way = report(row)
    for _ in range(9):
        hear(row, under_way, after(1), LIMITS)
    assert (row.state, row.failures, row.failed_at) == ("closed", 0, after(1))
    change = release(row, "enough", "operator:anna", after(2))
    assert (change.before, change.after, row.state) == ("held closed", "closed", "closed")
    hear(row, under_way, after(3), LIMITS)
    assert row.failures == 0


def test_the_answers_of_calls_under_way_do_not_touch_what_is_held() -> None:
    row = half_open()
    trial = report(row, failed=False, trial=True)
    hold(row, "open", "stop", "operator:anna", after(31))
    hear(row, trial, after(32), LIMITS)
    assert (row.state, row.held, row.trials_passed) == ("open", "open", 0)
    assert hear_health(row, after(33)) is None


def test_what_health_opened_and_a_person_held_is_not_closed_by_health() -> None:
    row = circuit()
    for _ in range(5):
        hear(row, health(row, failed=True), T0, LIMITS)
    hold(row, "open", "stop", "operator:anna", T0)
    release(row, "go", "operator:anna", T0)
    assert hear_health(row, after(60)) is None
    assert row.state == "open"
