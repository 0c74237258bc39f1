"""Whether disputes stand with us as at their gateways, and nobody's money is lost twice unseen."""

from collections.abc import Iterator

from tests.invariants.evidence import Violation
from tests.invariants.world import World

# The gateway's word → ours.
_SAME = {"open": "needs_response", "won": "won", "lost": "lost"}


def disputes_are_as_at_the_gateway(world: World) -> Iterator[Violation]:
    """Invariant 8 (L). Reads disputes and the gateways' disputes of payments that we have."""
    ours = {(dispute.gateway, dispute.gateway_reference): dispute for dispute in world.rows.disputes}
    for one in world.ledgers.disputes:
        dispute = ours.pop((one.gateway, one.id), None)
        if dispute is None:
            if one.reference in world.payments:
                yield Violation(8, one.id, f"disputes {one.amount} of {one.reference}, and we do not know it")
            continue
        said = (dispute.payment_id, dispute.amount, dispute.currency, dispute.status)
        is_so = (one.reference, one.amount, one.currency, _SAME.get(one.status, one.status))
        if said != is_so:
            yield Violation(8, dispute.id, f"is {said}, and at {one.gateway} {is_so}")
    for dispute in ours.values():
        if dispute.status != "closed":
            yield Violation(8, dispute.id, f"is {dispute.status}, and {dispute.gateway} has none such")


def nothing_is_lost_twice_unseen(world: World) -> Iterator[Violation]:
    """Invariant 8 (L). Reads payments and operator tasks: who refunded and lost the dispute as well was told so."""
    told = {task.payment_id for task in world.rows.tasks if task.kind == "double_loss"}
    for payment in world.rows.payments:
        lost = payment.refunded + payment.charged_back
        if lost and lost > payment.amount and payment.id not in told:
            yield Violation(8, payment.id, f"is of {payment.amount}, lost {lost}, and nobody was told")
