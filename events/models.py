import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from events.enums import ComplaintReason
from privacy.fields import EncryptedTextField


class RecordedEvent(models.Model):
    """An event that is recorded nowhere else. Append-only, and without personal data: it stays as
    part of the statistics when the person is forgotten."""

    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)
    # A code of events.kinds.KINDS.
    kind = models.CharField(_("kind"), max_length=40)
    # No foreign keys: this layer knows neither people nor reservations.
    person_id = models.BigIntegerField(_("person"))
    reservation_id = models.BigIntegerField(_("reservation"), null=True)
    # Who did it (staff.actors).
    actor = models.CharField(_("by"), max_length=40)
    # Codes, numbers and public names; nothing that a person typed.
    parameters = models.JSONField(_("parameters"), default=dict)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [models.Index(fields=["person_id", "at"], name="events_of_a_person")]
        triggers = [
            pgtrigger.Protect(
                name="events_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.person_id}"


class CallerNote(models.Model):
    """What staff noted about a caller, for the next one who takes a call. Append-only."""

    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)
    person_id = models.BigIntegerField(_("person"))
    # NULL once the person is forgotten.
    text = EncryptedTextField(_("note"), null=True)
    by = models.CharField(_("by"), max_length=40)

    class Meta:
        verbose_name = _("note on a caller")
        verbose_name_plural = _("notes on callers")
        indexes = [models.Index(fields=["person_id", "at"], name="notes_of_a_person")]
        triggers = [
            pgtrigger.ReadOnly(name="notes_keep_author", fields=["at", "person_id", "by"]),
            # The first byte is the number of the key: only a rotation writes a text anew.
            pgtrigger.Protect(
                name="notes_keep_text",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "NEW.text IS NOT NULL AND"
                    " (OLD.text IS NULL OR get_byte(NEW.text, 0) = get_byte(OLD.text, 0))"
                ),
            ),
            pgtrigger.Protect(name="notes_stay", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"#{self.person_id} {self.at:%Y-%m-%d %H:%M}"


class Complaint(models.Model):
    """The reason of one complaint on the telephone, to be counted. Append-only."""

    at = models.DateTimeField(_("at"), db_default=Now(), editable=False, db_index=True)
    reason = models.CharField(_("reason"), max_length=12, choices=ComplaintReason)
    person_id = models.BigIntegerField(_("person"), db_index=True)
    # Of the desk that took the call; empty for one that has no region of its own.
    region = models.CharField(_("region"), max_length=20, blank=True)
    district = models.CharField(_("district"), max_length=30, blank=True)
    by = models.CharField(_("by"), max_length=40)

    class Meta:
        verbose_name = _("complaint")
        verbose_name_plural = _("complaints")
        triggers = [
            pgtrigger.Protect(
                name="complaints_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.reason}"
