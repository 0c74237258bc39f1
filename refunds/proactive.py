"""The policy for complaints: what is refunded at once, and what a person decides (requirement D4).

A small refund now is cheaper than a chargeback later, which costs the money and a fee. Pure rules over what is known;
refunds/services/complain.py gathers that and acts.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final, Self

from payments.money import Money

# As long as its columns: compatibility forms can make a name several times longer.
_LONGEST: Final = 320


@dataclass(frozen=True, slots=True)
class Customer:
    """Who complains, each name in one spelling (`one_spelling`). reference: the shop's own, or else the e-mail address.
    email: empty where it is not known. Two are the same customer if a name of one is a name of the other."""

    reference: str
    email: str

    @classmethod
    def of(cls, reference: str, email: str) -> Self:
        address = one_spelling(email)
        return cls(one_spelling(reference) or address, address)


def one_spelling(name: str) -> str:
    """Return what all spellings of `name` have in common: NFKC, without case (Unicode 3.13, D146)."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return folded.strip()[:_LONGEST]


@dataclass(frozen=True, slots=True)
class Policy:
    """What one shop's policy allows in the currency of the order; amounts in minor units.

    limit: what is at stake must be below it. budget: for all such refunds of one day (UTC). times, days: so many of
    them for one customer within so many days. fee: what a lost dispute costs beside the money.
    """

    limit: int
    budget: int
    times: int
    days: int
    fee: int


@dataclass(frozen=True, slots=True)
class History:
    """What is known of the customer at this shop. granted: refunds by this policy within its days."""

    paid_orders: int
    refunds: int
    open_disputes: int
    lost_disputes: int
    granted: int


@dataclass(frozen=True, slots=True)
class Case:
    """A complaint about an order that can be refunded.

    stake: what of the order can still be refunded. lost_here: whether a dispute about this very order was lost.
    history: None where nobody names the customer. spent: minor units of the day's budget that are gone.
    """

    stake: Money
    lost_here: bool
    history: History | None
    spent: int


@dataclass(frozen=True, slots=True)
class Decision:
    """refund: whether it is refunded at once, else a person decides. why, advice: sentences for people; an advice is
    given only to the person who decides."""

    refund: bool
    why: str
    advice: str = ""


def decide(case: Case, policy: Policy) -> Decision:
    """Return what is done about `case`, with every reason that speaks against a refund at once."""
    reasons = [*_about_the_money(case, policy), *_about_the_customer(case, policy)]
    if reasons:
        return Decision(refund=False, why=" ".join(reasons), advice=_advice(case, policy))
    limit = Money(policy.limit, case.stake.currency)
    return Decision(refund=True, why=f"{case.stake} is below the limit of {limit}, and within the day's budget.")


def _about_the_money(case: Case, policy: Policy) -> list[str]:
    stake, limit = case.stake, Money(policy.limit, case.stake.currency)
    if stake.minor >= policy.limit:
        return [f"{stake} is not below the limit of {limit}."]
    if case.spent + stake.minor > policy.budget:
        return [f"The day's budget of {Money(policy.budget, stake.currency)} does not cover {stake} any more."]
    return []


def _about_the_customer(case: Case, policy: Policy) -> list[str]:
    found = ["A dispute about this order was lost before."] if case.lost_here else []
    history = case.history
    if history is None:
        return [*found, "Nobody names the customer of this order."]
    if history.lost_disputes and not case.lost_here:
        found.append("The customer won a dispute against the shop before.")
    if history.open_disputes:
        found.append("The customer disputes another order.")
    if history.granted >= policy.times:
        found.append(f"The customer was refunded like this {_times(history.granted)} within {policy.days} days.")
    return found


def _advice(case: Case, policy: Policy) -> str:
    """Return what to do, and why."""
    stake, history = case.stake, case.history
    cost = Money(stake.minor + policy.fee, stake.currency)
    compared = f"A refund costs {stake}, a lost dispute {cost} (a fee of {Money(policy.fee, stake.currency)} is in it)."
    if case.lost_here or (history is not None and (history.lost_disputes or history.open_disputes)):
        return "Look closely before you refund: the customer takes disputes to the bank. " + compared
    if history is None:
        return "Find out who complains first. " + compared
    if history.granted >= policy.times or history.refunds * 2 > history.paid_orders:
        return "Look closely before you refund: much of what this customer bought was refunded. " + compared
    return "Refund, if the complaint is credible: the customer has no bad history. " + compared


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
