from django.apps import AppConfig
from django.contrib.admin import apps as admin


class StaffConfig(AppConfig):
    name = "staff"
    default = True


class PortalAdminConfig(admin.AdminConfig):
    default_site = "staff.site.PortalSite"
    default = False
