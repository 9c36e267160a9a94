from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "reports"
    verbose_name = _("Exports")

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from eligibility import hooks as people_hooks
        from messaging.hooks import names
        from reports.retention import purge_minutes, purge_reports

        names["morning"] = _("figures of the morning")
        people_hooks.also_purge.register(purge_minutes)
        people_hooks.also_purge.register(purge_reports)
