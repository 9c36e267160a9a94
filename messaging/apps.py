from django.apps import AppConfig
from django.core import checks as django_checks
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from database.tracing import trace_by
from outside.jobs import id_of_job, use_json_serializer


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from events.sources import register
        from messaging import checks
        from messaging.channels import check_settings
        from messaging.events import SOURCE
        from web.language import fall_back_to_english

        fall_back_to_english()
        check_settings()
        django_checks.register(checks.templates_fit_their_messages)
        django_checks.register(checks.providers_can_report, deploy=True)
        use_json_serializer()
        trace_by(id_of_job)
        register(SOURCE)
        post_migrate.connect(_rows_of_texts, sender=self)


def _rows_of_texts(**_values: object) -> None:
    """A row for each text that the authority may set, also for those of new kinds and languages."""
    from messaging.wordings import make_rows

    make_rows()
