from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = "Payments"

    def ready(self) -> None:
        from payments import crash_points, guards, standing

        # Django's own hook for "the schema is ready"; nothing of the business travels by signal.
        post_migrate.connect(standing.install_after_migrate(guards.PAYMENT_GUARDS), sender=self, weak=False)
        if __debug__:
            crash_points.arm_from_environment()
