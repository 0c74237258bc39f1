from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class DisputesConfig(AppConfig):
    name = "disputes"
    verbose_name = "Disputes"

    def ready(self) -> None:
        from disputes.guards import DISPUTE_GUARDS
        from payments import guards

        # Django's own hooks around the schema; nothing of the business travels by signal.
        pre_migrate.connect(guards.uninstall_before_migrate(DISPUTE_GUARDS), sender=self, weak=False)
        post_migrate.connect(guards.install_after_migrate(DISPUTE_GUARDS), sender=self, weak=False)
