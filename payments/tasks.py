"""What django-q2 runs. Tasks take names and ids only, may run twice or late, and do nothing the rows do not ask for."""

from payments.audit import Because
from payments.models import RecoveryRun
from payments.services import alert_rates, checkouts, expire_keys, forget_events, loops, recover, wake


def settle(slot: str, run_for: float = loops.RUN_FOR) -> None:
    """Run the settle loop of `slot` for `run_for` seconds."""
    loops.run_slot(slot, run_for)


def send_outbox(slot: str, run_for: float = loops.RUN_FOR) -> None:
    """Run the loop of `slot` that sends events, messages and alerts, for `run_for` seconds."""
    loops.run_outbox(slot, run_for)


def wake_loops() -> int:
    """Ask for loops that do not beat."""
    return wake.wake()


def sweep() -> dict[str, int]:
    """Find and make due what nobody finished, and tell the team about new tasks; return what was put right."""
    run = recover.recover(RecoveryRun.Trigger.SCHEDULE, Because("worker:sweep", "job:sweep"))
    return dict(run.repaired)


def expire_idempotency_keys() -> int:
    """Delete idempotency records whose time is over (requirement A6); return how many."""
    return expire_keys.expire_keys()


def look_at_rates() -> None:
    """Alert the team where too many payments fail, are slow or are disputed (requirement G3)."""
    alert_rates.check()


def tell_expired_checkouts() -> int:
    """Tell shops about checkout pages whose time is over with nothing paid (requirement D3); return how many."""
    return checkouts.tell_expired()


def forget_old_events() -> int:
    """Delete old events and the logs of their deliveries (requirement G7); return how many."""
    return forget_events.forget_old()
