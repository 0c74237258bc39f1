"""How much happens in how little time."""

from collections.abc import Iterable


def most_within(times: Iterable[float], seconds: float) -> int:
    """Return the most of `times` that lie within any `seconds`, the last moment not counted."""
    ordered = sorted(times)
    return max((sum(start <= each < start + seconds for each in ordered) for start in ordered), default=0)
