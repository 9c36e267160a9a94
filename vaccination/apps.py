from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class VaccinationConfig(AppConfig):
    name = "vaccination"
    verbose_name = _("Vaccination")

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from booking import hooks
        from events import sources
        from messaging.hooks import names
        from vaccination.events import SOURCE
        from vaccination.links import receipt_links, staff_links
        from vaccination.services.doses import record_mark

        hooks.after_mark.register(record_mark)
        hooks.staff_links.register(staff_links)
        hooks.receipt_links.register(receipt_links)
        sources.register(SOURCE)
        names["recall"] = _("recall of a lot")
