"""What several rows of the catalogue have in common."""

from tests.faults.journey import Journey


def assert_never_left(journey: Journey, reason: str) -> None:
    """Check that the first gateway provably got nothing, the breaker counted that, and the second one charged once."""
    assert journey.attempts() == [("primary", "not_sent", reason), ("secondary", "succeeded", "succeeded")]
    assert journey.is_paid("secondary", level=3)
    assert (journey.counted(), journey.counted("secondary")) == (1, 0)


def assert_found_out(journey: Journey, *, sends: int) -> None:
    """Check that the lost answer is found a little later, with one charge at the first gateway, sent `sends` times."""
    assert journey.sent_to("secondary") == 0
    journey.later(7)
    assert journey.is_paid("primary")
    assert (journey.sent_to("primary"), journey.sent_to("secondary")) == (sends, 0)
