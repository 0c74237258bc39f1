"""A checker of what must be true of Paysite whatever happens, from outside: it shares no code with the application.

It reads our database, the sandbox gateways' own ledgers and what clients wrote down, with the standard library and
psycopg alone, and knows the states from its own copy of the published tables. `python -m tests.invariants --help`.

Not checked here: 19, 20, 26, 27, 40 to 41 and 43 to 47 (what cannot be seen in rows
afterwards), 29, 30 and 34 (what was refused, answered and never sent), 36 to 37 (reconciliation) and 38 to 39 (the
spool).
"""

from tests.invariants.checker import check
from tests.invariants.evidence import Evidence, Violation

__all__ = ["Evidence", "Violation", "check"]
