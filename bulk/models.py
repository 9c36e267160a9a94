"""Uploaded files, and what each would change or changed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from bulk.enums import Action, UploadStatus
from database.clock import Now
from privacy.fields import EncryptedTextField
from staff.models import User


class Upload(models.Model):
    """A file by which staff change many rows: compared first, applied after a look at it."""

    # A code of bulk.kinds.KINDS.
    kind = models.CharField(_("kind"), max_length=20)
    file = models.CharField(_("file"), max_length=200)
    language = models.CharField(_("language"), max_length=8)
    status = models.CharField(
        _("status"), max_length=8, choices=UploadStatus, default=UploadStatus.READING
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    # By Action, and "unchanged": how many records, or rows for refused ones.
    counts = models.JSONField(_("rows"), default=dict)
    # Of the preview: applying compares again, and does only what was shown.
    fingerprint = models.CharField(max_length=64, blank=True)
    # Whether the refused rows are left out.
    # Agreed to with the preview.
    skip_refused = models.BooleanField(_("leave the refused rows out"), default=False)
    # Why it was refused, not applied or not taken back, in the language of the sender.
    report = models.TextField(_("report"), blank=True)
    applied_by = models.CharField(_("applied by"), max_length=40, blank=True)
    applied_at = models.DateTimeField(_("applied at"), null=True, editable=False)
    undone_by = models.CharField(_("taken back by"), max_length=40, blank=True)
    undone_at = models.DateTimeField(_("taken back at"), null=True, editable=False)

    class Meta:
        verbose_name = _("change by file")
        verbose_name_plural = _("changes by file")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"#{self.pk}"


class UploadRow(models.Model):
    """A record that a file adds or changes, or a row that is refused. Kept for 30 days."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField(_("line"))
    action = models.CharField(_("action"), max_length=7, choices=Action)
    # JSON of the key and the values before and after, or the reason; some are people's.
    content = EncryptedTextField(_("content"))

    class Meta:
        verbose_name = _("row of a file")
        verbose_name_plural = _("rows of a file")
        indexes = [models.Index(fields=["upload", "action", "line"], name="rows_of_an_upload")]

    def __str__(self) -> str:
        return f"#{self.upload_id}:{self.line}"
