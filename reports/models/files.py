"""Tokens, schedules, files of exports that a worker makes, and what was published."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from reports.enums import OPEN, FileStatus, Period
from staff.models import User
from web.codes import random_uuid


class ExportToken(models.Model):
    """A key by which a program takes exports from `/exports/`; only its hash is stored."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("ends with"), max_length=4, editable=False)
    # What it opens: names of exports, one region or all, and what of people.
    exports = ArrayField(models.CharField(max_length=40), verbose_name=_("exports"))
    region = models.CharField(_("region"), max_length=20, blank=True)
    names = models.BooleanField(_("with names of people"), default=False)
    recipient = models.CharField(_("keys of people for"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    expires_at = models.DateTimeField(_("expires at"))
    made_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("made by")
    )
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)
    revoked_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("revoked by"),
    )
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)
    # Up to a minute old.
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    class Meta:
        verbose_name = _("export token")
        verbose_name_plural = _("export tokens")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(names=False) | Q(recipient=""),
                name="token_opens_keys_or_names_of_people",
            ),
        ]
        triggers = [
            # What a token opens is fixed when it is made; it is revoked or runs out.
            pgtrigger.ReadOnly(
                name="token_opens_what_it_was_made_for",
                fields=["key_hash", "exports", "region", "names", "recipient", "expires_at"],
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ExportSchedule(models.Model):
    """An export that a worker writes to a storage once a day."""

    # Also the folder in the storage.
    name = models.SlugField(_("name"), max_length=40, unique=True)
    export = models.CharField(_("export"), max_length=40)
    options = models.JSONField(_("selection"), default=dict)  # as ExportFile's, without days
    period = models.CharField(_("period"), max_length=9, choices=Period, default=Period.YESTERDAY)
    at = models.TimeField(_("time of day"))  # in Seoul
    # A name of settings.EXPORT_TARGETS.
    target = models.CharField(_("target"), max_length=40)
    # It is late so many minutes after its time, which raises an alarm.
    late_after = models.PositiveSmallIntegerField(
        _("late after minutes"), default=30, validators=[MinValueValidator(1)]
    )
    reason = models.CharField(_("reason"), max_length=200)
    active = models.BooleanField(_("active"), default=True)
    made_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("made by")
    )
    made_at = models.DateTimeField(_("made at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("export schedule")
        verbose_name_plural = _("export schedules")
        ordering = ["at", "name"]

    def __str__(self) -> str:
        return self.name


class ExportFile(models.Model):
    """One export that was asked for: what of it, how far it is, and what the file holds.

    Asked for by a user, a token or a schedule. The file itself lies in `storage` (of
    settings.STORAGES), under `path` or `key`, until `keep_until`, or for ever if that is NULL.
    """

    key = models.UUIDField(default=random_uuid, unique=True, editable=False)
    export = models.CharField(_("export"), max_length=40)
    version = models.PositiveSmallIntegerField(_("version"))
    # Arguments of selection.select and of selection.Form, in JSON form (reports.orders).
    options = models.JSONField(_("selection"), default=dict)
    # `scope` is their role and workplace then: the file holds the
    # rows that these could see, and nobody else gets it.
    user = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        related_name="export_files",
        verbose_name=_("user"),
    )
    scope = models.JSONField(default=list, editable=False)
    token = models.ForeignKey(
        ExportToken, on_delete=models.PROTECT, null=True, editable=False, related_name="files"
    )
    schedule = models.ForeignKey(
        ExportSchedule, on_delete=models.PROTECT, null=True, editable=False, related_name="files"
    )
    day = models.DateField(_("day"), null=True, editable=False)  # of the schedule
    storage = models.CharField(max_length=50, default="exports", editable=False)
    path = models.CharField(_("file"), max_length=200, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    status = models.CharField(
        _("status"), max_length=9, choices=FileStatus, default=FileStatus.WAITING
    )
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    # Which worker's turn it is: one that was taken for dead changes nothing any more.
    attempt = models.PositiveSmallIntegerField(default=0, editable=False)
    beat_at = models.DateTimeField(null=True, editable=False)
    not_before = models.DateTimeField(null=True, editable=False)  # after a failure
    alarmed_at = models.DateTimeField(_("alarmed at"), null=True, editable=False)
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
                condition=~Q(status=FileStatus.DONE) | (Q(accesses__len__gte=1) & ~Q(sha256="")),
                name="made_export_file_is_whole_and_on_record",
            ),
            models.CheckConstraint(
                condition=Q(schedule__isnull=True, day__isnull=True)
                | Q(schedule__isnull=False, day__isnull=False),
                name="scheduled_export_file_has_its_day",
            ),
            models.UniqueConstraint(
                fields=["schedule", "day"], name="one_export_file_per_schedule_and_day"
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
                condition=Q(status__in=OPEN),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.export} #{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class PublishedTable(models.Model):
    """The numbers of people in a table as they were made public for one day (reports.publishing).

    Kept for the day after, which must not differ from it by a small number.
    """

    name = models.SlugField(max_length=40)
    day = models.DateField()
    # Cell → people; null for fewer than may be published (reports.suppression).
    cells = models.JSONField()
    published_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "day"], name="one_published_table_per_day"),
        ]
        triggers = [
            pgtrigger.Protect(
                name="what_is_public_stays", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.day}"
