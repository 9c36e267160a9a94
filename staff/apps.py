from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class StaffConfig(AppConfig):
    name = "staff"
    verbose_name = _("Staff")
    default = True

    def ready(self) -> None:
        # Imported here because models are loaded only by now.
        from events.sources import register
        from messaging.hooks import names
        from privacy.reindexing import parts
        from staff.events import SOURCE
        from staff.reindexing import failures

        names["account"] = _("your account")
        register(SOURCE)
        parts.register(failures)


class PortalAdminConfig(admin.AdminConfig):
    default_site = "staff.site.PortalSite"
    default = False
