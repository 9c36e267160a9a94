from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = _("Events")

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from events.callers import SOURCE
        from events.sources import register

        register(SOURCE)
