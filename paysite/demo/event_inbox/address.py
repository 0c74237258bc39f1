"""The secret that the demo shop shares with Paysite, for one machine only."""

from typing import Final

DEMO_SIGNING_SECRET: Final = "whsec_ZGVtby1zaG9wLWluYm94LWZvci1vbmUtbWFjaGluZQ=="  # noqa: S105
