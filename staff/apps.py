from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class StaffConfig(AppConfig):
    name = "staff"
    verbose_name = _("Staff")
    default = True


class PortalAdminConfig(admin.AdminConfig):
    default_site = "staff.site.PortalSite"
    default = False
