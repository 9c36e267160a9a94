from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    CLINIC = "clinic", _("Clinic staff")
    MANAGER = "manager", _("Clinic manager")
    LOCAL = "local", _("Local government")
    AUTHORITY = "authority", _("Health authority")
    OPERATOR = "operator", _("Operator")
    AUDITOR = "auditor", _("Auditor")


# Roles that work at one clinic, and see its rows.
AT_A_CLINIC = [Role.CLINIC, Role.MANAGER]


class RequestStatus(models.TextChoices):
    OPEN = "open", _("Open")
    GRANTED = "granted", _("Granted")
    REFUSED = "refused", _("Refused")


class Act(models.TextChoices):
    """Recorded acts of staff: signing in, and access to personal data."""

    LOG_IN = "log_in", _("Logged in")
    LOG_IN_REFUSED = "log_in_refused", _("Log-in refused")
    LIST = "list", _("Saw in a list")
    SEARCH = "search", _("Searched for")
    DETAIL = "detail", _("Opened")
    PRINT = "print", _("Day sheet")
    CHANGE = "change", _("Changed")
    DOWNLOAD = "download", _("Downloaded")


class Step(models.TextChoices):
    """Which step of signing in failed."""

    PASSWORD = "password", _("Password")
    CODE = "code", _("Second factor")


class NoticeKind(models.TextChoices):
    """What an account's owner is told of."""

    ROLE = "role", _("Role")
    EMAIL = "email", _("E-mail address")
    SWITCHED_ON = "switched_on", _("Switched on")
    SWITCHED_OFF = "switched_off", _("Switched off")
    LINK = "link", _("Link for a password")
    PASSWORD = "password", _("Password")
    AUTHENTICATOR = "authenticator", _("Authenticator app")
    CODES = "codes", _("Recovery codes")
    FACTOR_REMOVED = "factor_removed", _("Second factor removed")
    PASSKEY_ADDED = "passkey_added", _("Passkey added")
    PASSKEY_REMOVED = "passkey_removed", _("Passkey removed")
    NEW_BROWSER = "new_browser", _("New browser")
    WRONG_CODES = "wrong_codes", _("Wrong codes")
    OPENID = "openid", _("Identity provider")
    OPENID_REMOVED = "openid_removed", _("Identity provider removed")
