"""What django-q2 runs. Tasks take names and ids only, may run twice or late, and do nothing the rows do not ask for."""

from payments.audit import Because
from payments.models import RecoveryRun
from payments.services import expire_keys, loops, mail, recover, wake


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


def send_mails() -> int:
    """Send customers the e-mails that are due (requirement B7); return how many."""
    return mail.send_due(Because("worker:mail", "job:mail"))
