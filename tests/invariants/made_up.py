"""Makes evidence by hand: rows, ledgers and histories as a sound application and a sound gateway would leave them.

Everything is named after its story: `accept("paid")` makes `pay_paid` of `ord_paid` under the key `key-paid`; its first
attempt is `att_paid_1` under `pay_paid-a1`, and the charge of that `ch_paid_1`.
"""

from tests.invariants.made_up_payments import Payments
from tests.invariants.made_up_refunds import Refunds
from tests.invariants.made_up_told import Told


class MadeUp(Payments, Refunds, Told):
    """All that can happen to a shop, as methods that tell one story after another."""
