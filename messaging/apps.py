from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from outside.jobs import use_json_serializer


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from events.sources import register
        from messaging.channels import check_settings
        from messaging.events import SOURCE

        check_settings()
        use_json_serializer()
        register(SOURCE)
