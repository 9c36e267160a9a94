from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class UploadStatus(models.TextChoices):
    # Sent, and not compared yet.
    READING = "reading", _("Being compared")
    READY = "ready", _("To be looked at")
    APPLYING = "applying", _("Being applied")
    # From here on it can be taken back while its rows are kept.
    DONE = "done", _("Applied")
    REFUSED = "refused", _("Can't be read")
    DROPPED = "dropped", _("Dropped")
    UNDOING = "undoing", _("Being taken back")
    UNDONE = "undone", _("Taken back")


# A worker has something to do; each of these moves is one function in bulk.services.
AT_WORK = (UploadStatus.READING, UploadStatus.APPLYING, UploadStatus.UNDOING)


class Action(models.TextChoices):
    """What a file does to a record; a record that stays as it is has no row."""

    NEW = "new", pgettext_lazy("row", "New")
    CHANGED = "changed", pgettext_lazy("row", "Changed")
    ERROR = "error", pgettext_lazy("row", "Refused")
