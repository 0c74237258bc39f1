"""The site itself, and the operator console as its admin."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.db.models.signals import post_migrate


class PaysiteConfig(AppConfig):
    name = "paysite"
    verbose_name = "Paysite"

    def ready(self) -> None:
        from payments.services import errands
        from paysite import checks, standing_guards  # noqa: F401  (registers the checks)

        # No loop that sends money starts without them.
        errands.register_beginning(standing_guards.demand)


class ConsoleConfig(SimpleAdminConfig):
    """Django's admin with our site.

    Without its autodiscovery: the console shows what is listed here, and not whatever a dependency registers. (An
    admin page of django-q2 would let its user have any function called.)
    """

    default_site = "paysite.console.Console"
    pages = ("payments.admin", "refunds.admin", "disputes.admin")

    def ready(self) -> None:
        super().ready()
        for module in self.pages:
            import_module(module)
        from payments.admin import roles

        # Permissions exist only after migrations: Django's own hook for that moment.
        post_migrate.connect(roles.make_roles, sender=self, weak=False)
