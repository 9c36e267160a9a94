"""Files of the roster that were uploaded, and what each of them changed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from eligibility.enums import KeptBecause, Source, UploadStatus
from privacy.fields import EncryptedDateField, EncryptedTextField


class RosterUpload(models.Model):
    """A roster file uploaded in the admin and imported by a worker."""

    # Name of the file as uploaded; the bytes lie under services.uploads.upload_path.
    file = models.CharField(_("file"), max_length=200)
    status = models.CharField(
        _("status"), max_length=8, choices=UploadStatus, default=UploadStatus.WAITING
    )
    skip_refused = models.BooleanField(_("take the good rows only"), default=False)
    report = models.TextField(_("report"), blank=True)
    by = models.CharField(_("by"), max_length=40)
    # Of the preview (roster.RosterReport); the import does only what it showed.
    fingerprint = models.CharField(max_length=80, blank=True, db_default="")
    # Who looked at the preview and said yes.
    agreed_by = models.CharField(_("applied by"), max_length=40, blank=True, db_default="")
    # When its import began: what happened to a person later followed from it.
    imported_at = models.DateTimeField(_("applied at"), null=True, editable=False)
    undone_by = models.CharField(_("taken back by"), max_length=40, blank=True, db_default="")
    undone_at = models.DateTimeField(_("taken back at"), null=True, editable=False)
    # How many people taking it back has removed and changed back so far.
    removed = models.PositiveIntegerField(db_default=0, editable=False)
    changed_back = models.PositiveIntegerField(db_default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)

    class Meta:
        verbose_name = _("roster upload")
        verbose_name_plural = _("roster uploads")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"#{self.pk}"


class RosterChange(models.Model):
    """A person whom an upload added or changed, as the person was before: the way back.

    Kept for 30 days, or until it has served. The values of before are those of Person's columns,
    copied as they are stored. They are NULL for a person who was added, or who stays.
    """

    upload = models.ForeignKey(
        RosterUpload, on_delete=models.CASCADE, related_name="changes", db_index=False
    )
    # No foreign key, whose checks would slow an import down; `purging.forget` removes the row.
    person_id = models.BigIntegerField()
    added = models.BooleanField()
    # Of the row that the upload wrote; another one means that the person was changed since.
    digest = models.BinaryField(max_length=16, null=True)
    # Why the person stays as the upload left them when it was taken back.
    stays_because = models.CharField(max_length=12, blank=True, db_default="", choices=KeptBecause)

    roster_key = models.CharField(max_length=64, null=True)  # noqa: DJ001 - as Person's
    roster_digest = models.BinaryField(max_length=16, null=True)
    source = models.CharField(max_length=8, choices=Source, null=True)  # noqa: DJ001
    name = EncryptedTextField(null=True, copied_from="eligibility_person.name")
    birth_date = EncryptedDateField(null=True, copied_from="eligibility_person.birth_date")
    phone = EncryptedTextField(null=True, copied_from="eligibility_person.phone")
    region = models.CharField(max_length=20, null=True)  # noqa: DJ001
    district = models.CharField(max_length=30, null=True)  # noqa: DJ001
    groups = ArrayField(models.CharField(max_length=40), null=True)
    last_dose_on = EncryptedDateField(null=True, copied_from="eligibility_person.last_dose_on")
    identity_index = models.BinaryField(max_length=16, null=True)
    name_birth_index = models.BinaryField(max_length=16, null=True)
    phone_index = models.BinaryField(max_length=16, null=True)

    class Meta:
        verbose_name = _("change by a roster")
        verbose_name_plural = _("changes by rosters")
        constraints = [
            # In this order, so that the changes of a person are found too.
            models.UniqueConstraint(
                fields=["person_id", "upload"], name="one_change_per_person_and_upload"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.upload_id}:{self.person_id}"
