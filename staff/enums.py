from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    CLINIC = "clinic", _("Clinic staff")
    LOCAL = "local", _("Local government")
    AUTHORITY = "authority", _("Health authority")
    OPERATOR = "operator", _("Operator")
