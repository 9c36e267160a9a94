from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EligibilityConfig(AppConfig):
    name = "eligibility"
    verbose_name = _("Eligibility")

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from bulk import kinds
        from eligibility.events import SOURCE
        from eligibility.imports import CohortKind
        from eligibility.services import reindexing
        from eligibility.sessions import region_of_reader, remember_chosen_language
        from eligibility.wordings import WORDINGS
        from events.sources import register
        from messaging.hooks import names
        from messaging.wordings import register as register_wordings
        from privacy.reindexing import parts
        from statements import hooks
        from web.language import language_chosen

        register_wordings(WORDINGS)
        language_chosen.register(remember_chosen_language)
        hooks.region_of_reader.register(region_of_reader)
        names["code"] = _("sign-in code")
        names["proxy"] = _("booking by somebody else")
        names["review"] = _("answer to the review")
        names["phone"] = _("another phone number")
        names["correction"] = _("answer to the correction")
        register(SOURCE)
        kinds.register(CohortKind)
        parts.register(reindexing.people)
        parts.register(reindexing.proxy_requests)
        parts.register(reindexing.provider_accounts)
        parts.register(reindexing.phone_codes)
