from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class DisputesConfig(AppConfig):
    name = "disputes"
    verbose_name = "Disputes"

    def ready(self) -> None:
        from disputes import outcomes as dispute_outcomes
        from disputes.events import TYPES
        from disputes.guards import DISPUTE_GUARDS, DISPUTE_SUMS
        from disputes.services import claim, sweep
        from payments import events, outcomes, standing
        from payments.services import drift, errands

        # Django's own hooks around the schema; nothing of the business travels by signal.
        pre_migrate.connect(standing.close_before_migrate(DISPUTE_GUARDS), sender=self, weak=False)
        post_migrate.connect(standing.install_after_migrate(DISPUTE_GUARDS), sender=self, weak=False)
        events.register(TYPES)
        outcomes.register("dispute.", dispute_outcomes.told)
        errands.register("disputes", claim)
        errands.register_sweep("forgottenDisputes", sweep.sweep)
        errands.register_sweep("driftedDisputes", drift.sweep_of(DISPUTE_SUMS))
