"""Files of exports that a worker makes and keeps for a time."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from reports.enums import FileStatus
from staff.models import User
from web.codes import random_uuid


class ExportFile(models.Model):
    """One export that was asked for: what of it, how far it is, and what the file holds.

    The file itself lies in the storage `exports` under `key`, until `keep_until`.
    """

    key = models.UUIDField(default=random_uuid, unique=True, editable=False)
    export = models.CharField(_("export"), max_length=40)
    version = models.PositiveSmallIntegerField(_("version"))
    # Arguments of selection.select and of selection.Form, in JSON form (reports.orders).
    options = models.JSONField(_("selection"), default=dict)
    # Who asked; NULL for a schedule. `scope` is their role and workplace then: the file holds the
    # rows that these could see, and nobody else gets it.
    user = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        related_name="export_files",
        verbose_name=_("user"),
    )
    scope = models.JSONField(default=list, editable=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    status = models.CharField(
        _("status"), max_length=9, choices=FileStatus, default=FileStatus.WAITING
    )
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    # Which worker's turn it is: one that was taken for dead changes nothing any more.
    attempt = models.PositiveSmallIntegerField(default=0, editable=False)
    beat_at = models.DateTimeField(null=True, editable=False)
    rows_expected = models.PositiveBigIntegerField(default=0, editable=False)
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    # What the encoding lacked: how many letters, and the first of them.
    replaced_count = models.PositiveIntegerField(_("letters replaced"), default=0)
    replaced = models.JSONField(default=list, editable=False)
    # Ids of the records of access with the people in the file (reports.taking).
    accesses = ArrayField(models.BigIntegerField(), db_default=[], editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)
    keep_until = models.DateTimeField(_("kept until"), null=True, editable=False)

    class Meta:
        verbose_name = _("export file")
        verbose_name_plural = _("export files")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status=FileStatus.DONE)
                | (Q(keep_until__isnull=False, accesses__len__gte=1) & ~Q(sha256="")),
                name="made_export_file_is_whole_and_on_record",
            ),
        ]
        indexes = [
            models.Index(
                fields=["keep_until"],
                name="export_files_by_end",
                condition=Q(status=FileStatus.DONE),
            ),
            models.Index(
                fields=["created_at"],
                name="export_files_open",
                condition=Q(status__in=[FileStatus.WAITING, FileStatus.RUNNING]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.export} #{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in (FileStatus.WAITING, FileStatus.RUNNING)
