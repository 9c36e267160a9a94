from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from outside.jobs import use_json_serializer


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from messaging.channels import check_settings

        check_settings()
        use_json_serializer()
