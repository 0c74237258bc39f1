from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class RefundsConfig(AppConfig):
    name = "refunds"
    verbose_name = "Refunds"

    def ready(self) -> None:
        from payments import events, outcomes, standing
        from payments.checkout import giving_back
        from payments.services import drift, errands, messages_money
        from refunds import messages, told
        from refunds import outcomes as refund_outcomes
        from refunds.events import TYPES
        from refunds.guards import REFUND_GUARDS, REFUND_SUMS
        from refunds.services import claim, sweep, watch
        from refunds.services.bulk import work as bulk_work

        # Django's own hooks around the schema; nothing of the business travels by signal.
        pre_migrate.connect(standing.close_before_migrate(REFUND_GUARDS), sender=self, weak=False)
        post_migrate.connect(standing.install_after_migrate(REFUND_GUARDS), sender=self, weak=False)
        events.register(TYPES)
        outcomes.register("refund.", refund_outcomes.told)
        errands.register("refunds", claim)
        errands.register("refund_watch", watch)
        errands.register_beginning(watch.begin_watching)
        errands.register("bulk_refunds", bulk_work)
        errands.register_sweep("forgottenRefunds", sweep.sweep)
        errands.register_sweep("driftedRefunds", drift.sweep_of(REFUND_SUMS))
        messages_money.register("rf", messages.given_back)
        giving_back.register("refunds", told.sentences_about)
