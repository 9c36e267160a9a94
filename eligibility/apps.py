from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EligibilityConfig(AppConfig):
    name = "eligibility"
    verbose_name = _("Eligibility")

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from eligibility.events import SOURCE
        from events.sources import register
        from messaging.hooks import names

        names["code"] = _("sign-in code")
        names["proxy"] = _("booking by somebody else")
        names["review"] = _("answer to the review")
        names["correction"] = _("answer to the correction")
        register(SOURCE)
