"""The sandbox gateway's clock."""

import time


def now_ms() -> int:
    """Return the time in UTC milliseconds."""
    return time.time_ns() // 1_000_000
